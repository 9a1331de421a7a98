"""The engine. Read in this order: node, backward, tensor, op, modes; changes guards against values that were changed in place."""
