"""A model of a Windows Server that answers the frames of the remote shell.

It is a second opinion: every table in here is written from Microsoft's documentation, which it names, and nothing
is shared with `controller/`. What a test needs to know of a host it reads from the host's folder (`control.py`).
"""
