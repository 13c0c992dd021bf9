"""Studies of the method, run from a checkout: `python -m studies`. The wheel does not hold them."""
