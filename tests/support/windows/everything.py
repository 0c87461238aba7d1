"""Loads the modules that register functions and kinds."""

from __future__ import annotations

from . import (
    account_kinds,
    aclcalls,
    auditcalls,
    beside,
    certificates,
    commandcalls,
    dsccalls,
    environment,
    facts,
    features,
    firewall,
    iis_kinds,
    installs,
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
    xmlcalls,
)

LOADED = (
    account_kinds, aclcalls, auditcalls, beside, certificates, commandcalls, dsccalls, environment, facts, features,
    firewall, iis_kinds, installs, packages, pathcalls, preflightcalls, registry, restorecalls, services, tasks,
    unzipcalls, verifycalls, webcalls, xmlcalls,
)  # fmt: skip
