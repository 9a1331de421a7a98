"""The errors of the library. Each is also the built-in error that one would expect, so code that catches those keeps working."""


class ShapeError(ValueError):
    """Shapes do not fit together."""


class DTypeError(TypeError):
    """A dtype, or a kind of value, that the operation cannot take."""


class GraphError(RuntimeError):
    """The graph cannot be walked: nothing was recorded, or it was freed, or a rule went wrong."""


class MutationError(GraphError):
    """A value that the backward pass needs was changed in place after it was kept."""


class ReadOnlyError(MutationError, ValueError):
    """A value that cannot be changed in place, because its memory is read-only."""


class DefinitionError(TypeError):
    """An op whose class does not say what an op must say; raised when the class is made."""


class ImmutableError(DefinitionError, AttributeError):
    """An attribute of an op that is about to be set."""


class UnsupportedError(TypeError):
    """A function of NumPy that does not take Tensors here."""


class GradientCheckError(AssertionError):
    """A gradient that is not the derivative of its function."""


class StateError(RuntimeError, KeyError):
    """A saved state does not fit the module or optimizer that is to load it; nothing was loaded."""

    __str__ = RuntimeError.__str__      # KeyError's would print the repr of a text of several lines


class AnomalyError(GraphError, FloatingPointError):
    """A NaN or an infinity that an op, or its rule, made of finite numbers; raised by detect_anomaly.

    op, operands  the op, and what went into it: tensors and arrays, or nodes if it happened in the backward pass.
    """

    def __init__(self, message: str, op: object = None, operands: tuple = ()) -> None:
        super().__init__(message)
        self.op = op
        self.operands = operands
