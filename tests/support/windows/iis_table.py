"""Attributes of IIS objects: type, default, limits.

Sources: the configuration reference, one page a section (learn.microsoft.com/iis/configuration/system.applicationhost/...):
applicationPools/add with processModel, recycling/periodicRestart, failure, cpu; sites/site with limits, logFile,
applicationDefaults, application, virtualDirectory, bindings/binding, hsts; system.webServer/... for the sections below. Types
are those of %windir%\\system32\\inetsrv\\config\\schema\\IIS_schema.xml: bool, uint, int64, timeSpan, enum, flags, string. The
defaults of pools are those of IIS 10's `applicationPoolDefaults`.
"""

from __future__ import annotations

import re

from .calls import Failure

# name: (type, default); an enum's type is its values.
Table = dict[str, tuple[str, str]]

POOL: Table = {
    "autoStart": ("bool", "true"),
    "queueLength": ("uint 10 65535", "1000"),
    "enable32BitAppOnWin64": ("bool", "false"),
    "managedRuntimeVersion": ("string", "v4.0"),
    "managedRuntimeLoader": ("string", "webengine4.dll"),
    "enableConfigurationOverride": ("bool", "true"),
    "managedPipelineMode": ("enum Integrated|Classic", "Integrated"),
    "CLRConfigFile": ("string", ""),
    "passAnonymousToken": ("bool", "true"),
    "startMode": ("enum OnDemand|AlwaysRunning", "OnDemand"),
    "processModel.identityType": (
        "enum LocalSystem|LocalService|NetworkService|SpecificUser|ApplicationPoolIdentity",
        "ApplicationPoolIdentity",
    ),
    "processModel.userName": ("string", ""),
    "processModel.loadUserProfile": ("bool", "true"),
    "processModel.setProfileEnvironment": ("bool", "true"),
    "processModel.logonType": ("enum LogonBatch|LogonService", "LogonBatch"),
    "processModel.manualGroupMembership": ("bool", "false"),
    "processModel.idleTimeout": ("time 0 43200", "00:20:00"),
    "processModel.idleTimeoutAction": ("enum Terminate|Suspend", "Terminate"),
    "processModel.maxProcesses": ("uint 0 2147483647", "1"),
    "processModel.shutdownTimeLimit": ("time 1 4294967", "00:01:30"),
    "processModel.startupTimeLimit": ("time 1 4294967", "00:01:30"),
    "processModel.pingingEnabled": ("bool", "true"),
    "processModel.pingInterval": ("time 1 4294967", "00:00:30"),
    "processModel.pingResponseTime": ("time 1 4294967", "00:01:30"),
    "processModel.logEventOnProcessModel": ("flags IdleTimeout", "IdleTimeout"),
    "recycling.disallowOverlappingRotation": ("bool", "false"),
    "recycling.disallowRotationOnConfigChange": ("bool", "false"),
    "recycling.logEventOnRecycle": (
        "flags Time|Requests|Schedule|Memory|IsapiUnhealthy|OnDemand|ConfigChange|PrivateMemory",
        "Time, Memory, PrivateMemory",
    ),
    "recycling.periodicRestart.time": ("time 0 25920000", "1.05:00:00"),
    "recycling.periodicRestart.requests": ("uint 0 4294967295", "0"),
    "recycling.periodicRestart.memory": ("uint 0 4294967295", "0"),
    "recycling.periodicRestart.privateMemory": ("uint 0 4294967295", "0"),
    "recycling.periodicRestart.schedule": ("times", ""),
    "failure.loadBalancerCapabilities": ("enum TcpLevel|HttpLevel", "HttpLevel"),
    "failure.orphanWorkerProcess": ("bool", "false"),
    "failure.orphanActionExe": ("string", ""),
    "failure.orphanActionParams": ("string", ""),
    "failure.rapidFailProtection": ("bool", "true"),
    "failure.rapidFailProtectionInterval": ("time 60 9600", "00:05:00"),
    "failure.rapidFailProtectionMaxCrashes": ("uint 1 2147483647", "5"),
    "failure.autoShutdownExe": ("string", ""),
    "failure.autoShutdownParams": ("string", ""),
    "cpu.limit": ("uint 0 100000", "0"),
    "cpu.action": ("enum NoAction|KillW3wp|Throttle|ThrottleUnderLoad", "NoAction"),
    "cpu.resetInterval": ("time 0 86400", "00:05:00"),
    "cpu.smpAffinitized": ("bool", "false"),
    "cpu.smpProcessorAffinityMask": ("uint 0 4294967295", "4294967295"),
    "cpu.smpProcessorAffinityMask2": ("uint 0 4294967295", "4294967295"),
    "cpu.processorGroup": ("uint 0 2147483647", "0"),
    "cpu.numaNodeAssignment": ("enum MostAvailableMemory|WindowsScheduling", "MostAvailableMemory"),
    "cpu.numaNodeAffinityMode": ("enum Soft|Hard", "Soft"),
}

SITE: Table = {
    "id": ("uint 1 4294967295", "0"),
    "serverAutoStart": ("bool", "true"),
    "limits.maxBandwidth": ("uint 1024 4294967295", "4294967295"),
    "limits.maxConnections": ("uint 0 4294967295", "4294967295"),
    "limits.connectionTimeout": ("time 0 65535", "00:02:00"),
    "limits.maxUrlSegments": ("uint 0 16383", "32"),
    "logFile.logFormat": ("enum IIS|NCSA|W3C|Custom", "W3C"),
    "logFile.directory": ("string", "%SystemDrive%\\inetpub\\logs\\LogFiles"),
    "logFile.period": ("enum MaxSize|Daily|Weekly|Monthly|Hourly", "Daily"),
    "logFile.truncateSize": ("uint 1048576 4294967295", "20971520"),
    "logFile.localTimeRollover": ("bool", "false"),
    "logFile.enabled": ("bool", "true"),
    "logFile.logTargetW3C": ("flags File|ETW", "File"),
    "traceFailedRequestsLogging.enabled": ("bool", "false"),
    "traceFailedRequestsLogging.directory": ("string", "%SystemDrive%\\inetpub\\logs\\FailedReqLogFiles"),
    "traceFailedRequestsLogging.maxLogFiles": ("uint 1 10000", "50"),
    "applicationDefaults.applicationPool": ("string", "DefaultAppPool"),
    "applicationDefaults.enabledProtocols": ("string", "http"),
    "applicationDefaults.preloadEnabled": ("bool", "false"),
    "applicationDefaults.serviceAutoStartEnabled": ("bool", "false"),
    "applicationDefaults.serviceAutoStartProvider": ("string", ""),
    "hsts.enabled": ("bool", "false"),
    "hsts.max-age": ("uint 0 4294967295", "0"),
    "hsts.includeSubDomains": ("bool", "false"),
    "hsts.redirectHttpToHttps": ("bool", "false"),
}

APP: Table = {
    "applicationPool": ("string", ""),
    "enabledProtocols": ("string", "http"),
    "preloadEnabled": ("bool", "false"),
    "serviceAutoStartEnabled": ("bool", "false"),
    "serviceAutoStartProvider": ("string", ""),
}

VDIR: Table = {
    "physicalPath": ("string", ""),
    "userName": ("string", ""),
    "logonMethod": ("enum Interactive|Batch|Network|ClearText", "ClearText"),
    "allowSubDirConfig": ("bool", "true"),
}

# Sections of a web.config or a location: a few of the reference, with the feature that brings their schema.
SECTIONS: dict[str, tuple[Table, str]] = {
    "system.webServer/applicationInitialization": (
        {
            "doAppInitAfterRestart": ("bool", "false"),
            "skipManagedModules": ("bool", "false"),
            "remapManagedRequestsTo": ("string", ""),
        },
        "Web-AppInit",
    ),
    "system.webServer/security/authentication/anonymousAuthentication": (
        {
            "enabled": ("bool", "true"),
            "userName": ("string", "IUSR"),
            "logonMethod": ("enum Interactive|Batch|Network|ClearText", "ClearText"),
        },
        "Web-WebServer",
    ),
    "system.webServer/security/authentication/windowsAuthentication": (
        {"enabled": ("bool", "false"), "useKernelMode": ("bool", "true"), "authPersistNonNTLM": ("bool", "true")},
        "Web-Windows-Auth",
    ),
    "system.webServer/security/authentication/basicAuthentication": (
        {"enabled": ("bool", "false"), "realm": ("string", ""), "defaultLogonDomain": ("string", "")},
        "Web-Basic-Auth",
    ),
    "system.webServer/security/access": (
        {"sslFlags": ("flags Ssl|SslNegotiateCert|SslRequireCert|SslMapCert|Ssl128", "")},
        "Web-WebServer",
    ),
    "system.webServer/security/requestFiltering": (
        {
            "removeServerHeader": ("bool", "false"),
            "allowDoubleEscaping": ("bool", "false"),
            "allowHighBitCharacters": ("bool", "true"),
            "unescapeQueryString": ("bool", "true"),
            "requestLimits.maxAllowedContentLength": ("uint 0 4294967295", "30000000"),
            "requestLimits.maxUrl": ("uint 0 4294967295", "4096"),
            "requestLimits.maxQueryString": ("uint 0 4294967295", "2048"),
        },
        "Web-Filtering",
    ),
    "system.webServer/httpErrors": (
        {
            "errorMode": ("enum DetailedLocalOnly|Custom|Detailed", "DetailedLocalOnly"),
            "existingResponse": ("enum Auto|Replace|PassThrough", "Auto"),
        },
        "Web-Http-Errors",
    ),
    "system.webServer/directoryBrowse": ({"enabled": ("bool", "false")}, "Web-Dir-Browsing"),
    "system.webServer/defaultDocument": ({"enabled": ("bool", "true")}, "Web-Default-Doc"),
    "system.webServer/urlCompression": (
        {"doStaticCompression": ("bool", "true"), "doDynamicCompression": ("bool", "false")},
        "Web-Stat-Compression",
    ),
    "system.webServer/serverRuntime": (
        {
            "uploadReadAheadSize": ("uint 0 2147483647", "49152"),
            "frequentHitThreshold": ("uint 1 4294967295", "2"),
            "appConcurrentRequestLimit": ("uint 0 4294967295", "5000"),
        },
        "Web-WebServer",
    ),
}


def checked(table: Table, name: str, text: str) -> str:
    """A value as IIS keeps it; fails where the schema does not take it."""
    if name not in table:
        raise Failure(f"Unrecognized attribute '{name.rpartition('.')[2]}'. ")
    kind, _, rest = table[name][0].partition(" ")
    if kind == "bool":
        if text.lower() not in ("true", "false"):
            raise Failure(f"The '{name.rpartition('.')[2]}' attribute is invalid.  Not a valid boolean. ")
        return text.lower()
    if kind == "uint":
        low, high = rest.split(" ")
        if not re.fullmatch("[0-9]{1,10}", text) or not int(low) <= int(text) <= int(high):
            raise Failure(
                f"The '{name.rpartition('.')[2]}' attribute is invalid.  Integer must be between {low} and {high} inclusive "
            )
        return str(int(text))
    if kind == "time":
        low, high = rest.split(" ")
        seconds = span(text)
        if seconds is None or not int(low) <= seconds <= int(high):
            raise Failure(f"The '{name.rpartition('.')[2]}' attribute is invalid.  Timespan is out of its limits ")
        return show_span(seconds)
    if kind == "enum":
        for value in rest.split("|"):
            if value.lower() == text.lower():
                return value
        allowed = ", ".join(rest.split("|"))
        raise Failure(f"The '{name.rpartition('.')[2]}' attribute is invalid.  Enum must be one of {allowed} ")
    if kind == "flags":
        known = {value.lower(): value for value in rest.split("|")}
        wanted = [part.strip().lower() for part in text.split(",") if part.strip()]
        if any(part not in known for part in wanted):
            raise Failure(
                f"The '{name.rpartition('.')[2]}' attribute is invalid.  Flags must be some combination of {rest} "
            )
        return ", ".join(value for low_value, value in known.items() if low_value in wanted)
    return text


def span(text: str) -> int | None:
    """Seconds of a time span as `TimeSpan.Parse` reads it: `[d.]hh:mm[:ss]`, or whole days."""
    if re.fullmatch("[0-9]{1,7}", text):
        return int(text) * 86400
    match = re.fullmatch(r"(?:([0-9]{1,7})\.)?([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.0+)?)?", text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def show_span(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    text = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}.{text}" if days else text
