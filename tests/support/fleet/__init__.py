"""Random inventories and host patterns from seeds, and what Ansible says about them.

A seed gives some groups, hosts, variables and patterns whose names all end in that seed's number. Ten seeds are written
together as one batch, so that one process of Ansible answers for all of them. `python3 -m fleet` is the command.
"""
