"""Checks of the peer with `pywinrm` and `pypsrp`; `accept.py` runs them."""
