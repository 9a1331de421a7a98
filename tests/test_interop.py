"""Tensors beside Python and other libraries: memory that is shared without a copy, pickles, copies, and words that are quick to say."""

import copy
import pickle
import time

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.errors import GraphError


def test_dlpack_shares_memory_and_refuses_to_lose_a_history():
    x = tg.tensor([1.0, 2.0])
    array = np.from_dlpack(x)
    x.data[0] = 5
    np.testing.assert_array_equal(array, [5, 2])
    back = tg.from_dlpack(np.arange(3.0), requires_grad=True, name="w")
    assert back.requires_grad and back.name == "w" and back.dtype == np.float64
    for recorded in back, back * 2:
        with pytest.raises(GraphError, match=r"dlpack: .*records.*give x\.detach\(\)"):
            np.from_dlpack(recorded)
    np.testing.assert_array_equal(np.from_dlpack(back.detach()), np.arange(3.0))


@pytest.mark.peers
def test_dlpack_goes_to_pytorch_and_back():
    import torch

    x = tg.tensor([[1.0, 2.0]])
    theirs = torch.from_dlpack(x)
    theirs[0, 0] = 7
    assert x.tolist() == [[7.0, 2.0]]
    ours = tg.from_dlpack(torch.arange(3.0))
    assert ours.tolist() == [0, 1, 2] and ours.dtype == np.float32


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_leaves_are_copied_with_gradient_and_name_and_others_refused(copied):
    x = tg.tensor([1.0, 2.0], requires_grad=True, name="x")
    (x * x).sum().backward()
    twin = copied(x)
    assert twin.requires_grad and twin.name == "x" and twin.tolist() == [1, 2] and twin.grad.tolist() == [2, 4]
    with tg.no_grad():
        twin += 1
    assert x.tolist() == [1, 2]
    with pytest.raises(GraphError, match="only leaves"):
        copied(x * 2)


def test_python_takes_a_tensor_as_it_takes_an_array():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert len(x) == 2 and [row.tolist() for row in x] == [[1, 2], [3, 4]] and 3.0 in x and 5.0 not in x
    assert f"{x[0, 1]:.2f}" == "2.00" and [10, 20, 30][tg.tensor(1)] == 20 and bool(x[0, 0]) and float(x[1, 1]) == 4
    assert repr(x * 2).endswith("op=Multiply())") and "requires_grad" in repr(x)


def test_a_huge_tensor_is_told_at_once():
    x = tg.zeros((3000, 3000))
    start = time.process_time()
    assert len(repr(x)) < 1000 and len(str(x)) < 1000 and len(f"{x}") < 1000
    assert time.process_time() - start < 0.5
