"""The engine. Read in this order: node, backward, tensor, recording, op; with these five a gradient is computed.

definition  checks an op when its class is made, and makes what recording and walking need.
modes       switches: no_grad, enable_grad, composed.
changes     refuses a walk over values that were changed in place after they were kept.
guard       refuses rules, and functions that are differentiated, that lose their history on the way; warns where an array gets an element.
saying      says in an error which function was called, and with what.
batch       walks with many gradients at once, for jacobians.
watching    tells watchers of every op that runs and every node that a walk passes; anomaly is one, and the steps of tg.viz another.
"""
