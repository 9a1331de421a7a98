"""The engine. Read in this order: node, backward, tensor, recording, op, modes.

definition checks an op when its class is made; changes guards against values that were changed in place, and guard against
rules that lose their history while they record themselves.
"""
