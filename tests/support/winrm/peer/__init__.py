"""A WinRS server for tests: WS-Management as [MS-WSMV] writes it, authentication and sealing by `pyspnego`.

`serve.py` runs it for any number of hosts, `accept.py` proves it with `pywinrm` and `pypsrp`. What it takes for the
behaviour of Windows without a document that says so is marked with "unverified".
"""
