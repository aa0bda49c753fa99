"""The verbs of compute, one module a noun; `skyloom.compute` joins them."""
