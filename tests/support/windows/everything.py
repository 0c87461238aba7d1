"""Loads the modules that register functions and kinds."""

from __future__ import annotations

from . import (
    account_kinds,
    aclcalls,
    auditcalls,
    beside,
    certificates,
    commandcalls,
    environment,
    facts,
    features,
    firewall,
    iis_kinds,
    packages,
    pathcalls,
    preflightcalls,
    registry,
    restorecalls,
    services,
    tasks,
    unzipcalls,
    verifycalls,
    webcalls,
)

LOADED = (
    account_kinds, aclcalls, auditcalls, beside, certificates, commandcalls, environment, facts, features, firewall,
    iis_kinds, packages, pathcalls, preflightcalls, registry, restorecalls, services, tasks, unzipcalls, verifycalls,
    webcalls,
)  # fmt: skip
