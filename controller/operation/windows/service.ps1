# Windows services: `state`, `start_mode`, `display_name`, `description`, `path`, `username`, `dependencies`,
# `failure_actions`. What .NET and Win32_Service (learn.microsoft.com/windows/win32/cimwin32prov/win32-service) cannot
# write goes through sc.exe: description, delayed start, failure actions.

# NAME: what the registry says of a service, or $null.
function pw_sys_service_key($name) {
    return [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey("SYSTEM\CurrentControlSet\Services\$name")
}

# NAME: the service or driver, or $null. A name goes before a display name, and a service before a driver.
function pw_sys_service($name) {
    if ($PSVersionTable.PSVersion.Major -lt 6) { pw_sys_assembly 'System.ServiceProcess' }
    $services = [ServiceProcess.ServiceController]::GetServices()
    foreach ($service in $services) {
        if ($service.ServiceName -eq $name) { return $service }
    }
    foreach ($service in $services) {
        if ($service.DisplayName -eq $name) { return $service }
    }
    foreach ($service in [ServiceProcess.ServiceController]::GetDevices()) {
        if ($service.ServiceName -eq $name -or $service.DisplayName -eq $name) { return $service }
    }
    return $null
}

# KEY: with the name of the service, where the call has its display name.
function pw_key_service($key) {
    $service = pw_sys_service $key['name']
    if ($null -ne $service -and $service.ServiceName -ne $key['name']) { $key['name'] = $service.ServiceName }
    return $key
}

# NAME: the class of Windows that has it: kinds of drivers are the bits 1, 2 and 8 of its type
# (learn.microsoft.com/windows/win32/api/winsvc/nf-winsvc-createservicew).
function pw_service_class($name) {
    $registry = pw_sys_service_key $name
    if ($null -ne $registry -and ([int]$registry.GetValue('Type', 16) -band 11) -ne 0) { return 'Win32_SystemDriver' }
    return 'Win32_Service'
}

# NAME METHOD PARAMETERS: calls a method of Win32_Service, and fails with what its code means.
function pw_sys_service_call($name, $method, $parameters) {
    $session = [Microsoft.Management.Infrastructure.CimSession]::Create([NullString]::Value)
    $collection = [Microsoft.Management.Infrastructure.CimMethodParametersCollection]::new()
    foreach ($parameter in $parameters.Keys) {
        $made = [Microsoft.Management.Infrastructure.CimMethodParameter]::Create(
            $parameter, $parameters[$parameter], [Microsoft.Management.Infrastructure.CimFlags]::In)
        $collection.Add($made)
    }
    if ($method -ceq 'Create') {
        $result = $session.InvokeMethod('root\cimv2', 'Win32_Service', 'Create', $collection)
    } else {
        $instance = [Microsoft.Management.Infrastructure.CimInstance]::new((pw_service_class $name), 'root\cimv2')
        $named = [Microsoft.Management.Infrastructure.CimProperty]::Create(
            'Name', $name, [Microsoft.Management.Infrastructure.CimFlags]::Key)
        $instance.CimInstanceProperties.Add($named)
        $result = $session.InvokeMethod('root\cimv2', $instance, $method, $collection)
    }
    $code = [int]$result.ReturnValue.Value
    if ($code -ne 0) { throw ('service `{0}`: {1} failed with {2}' -f $name, $method, (pw_service_code $code)) }
}

# CODE: what Win32_Service means by it.
function pw_service_code($code) {
    $known = @{
        2 = 'access denied'; 3 = 'running services depend on it'; 8 = 'unknown failure'; 9 = 'the path was not found'
        10 = 'it already runs'; 11 = 'the database of services is locked'; 13 = 'a service it depends on failed'
        14 = 'it is disabled'; 15 = 'the user or password was not accepted'; 16 = 'it is being removed'
        18 = 'circular dependency'; 20 = 'the name has invalid characters'; 21 = 'invalid parameters'
        22 = 'the account is not valid, or may not log on as a service'; 23 = 'it exists'
    }
    if ($known.ContainsKey($code)) { return "$code ($($known[$code]))" }
    return [string]$code
}

function pw_read_service($key) {
    $service = pw_sys_service $key['name']
    if ($null -eq $service) { return $null }
    $registry = pw_sys_service_key $service.ServiceName
    $state = [ordered]@{}
    $state['state'] = [string[]]@(pw_service_state $service)
    $state['start_mode'] = [string[]]@(pw_service_start $registry)
    $state['display_name'] = [string[]]@($service.DisplayName)
    $state['description'] = [string[]]@([string]$registry.GetValue('Description', ''))
    $state['path'] = [string[]]@([string]$registry.GetValue('ImagePath', '', 'DoNotExpandEnvironmentNames'))
    $state['username'] = [string[]]@([string]$registry.GetValue('ObjectName', 'LocalSystem'))
    $state['dependencies'] = [string[]]@($registry.GetValue('DependOnService', [string[]]@()))
    $state['failure_actions'] = pw_service_failures $registry
    $state['.service_name'] = [string[]]@($service.ServiceName)
    $state['.can_stop'] = [string[]]@(([string]$service.CanStop).ToLowerInvariant())
    $state['.can_pause'] = [string[]]@(([string]$service.CanPauseAndContinue).ToLowerInvariant())
    $depended = [Collections.Generic.List[string]]::new()
    foreach ($other in $service.DependentServices) { $depended.Add($other.ServiceName) }
    $state['.depended_by'] = $depended.ToArray()
    return $state
}

# SERVICE: `running`, `stopped`, `paused`, or the way there: `startpending` ...
function pw_service_state($service) {
    return ([string]$service.Status).ToLowerInvariant()
}

# REGISTRY: how it starts.
function pw_service_start($registry) {
    $delayed = [int]$registry.GetValue('DelayedAutostart', 0)
    switch ([int]$registry.GetValue('Start', 3)) {
        0 { return 'boot' }
        1 { return 'system' }
        2 {
            if ($delayed -eq 1) { return 'delayed' }
            return 'auto'
        }
        4 { return 'disabled' }
    }
    return 'manual'
}

# REGISTRY: what happens when it fails: `reset=SECONDS`, then `ACTION/MILLISECONDS` for each time. The value is a
# SERVICE_FAILURE_ACTIONS of 32 bits: period, two pointers, count, pointer, then pairs of type and delay.
function pw_service_failures($registry) {
    $rows = [Collections.Generic.List[string]]::new()
    $bytes = $registry.GetValue('FailureActions', $null)
    if ($null -ne $bytes -and $bytes.Length -ge 20) {
        $rows.Add('reset=' + [BitConverter]::ToUInt32($bytes, 0))
        $count = [Math]::Min([BitConverter]::ToUInt32($bytes, 12), 16)
        $names = @('none', 'restart', 'reboot', 'run_command')
        for ($i = 0; $i -lt $count -and 28 + 8 * $i -le $bytes.Length; $i++) {
            $type = [BitConverter]::ToUInt32($bytes, 20 + 8 * $i)
            if ($type -gt 3) { continue }
            $rows.Add($names[$type] + '/' + [BitConverter]::ToUInt32($bytes, 24 + 8 * $i))
        }
    }
    return , $rows.ToArray()
}

function pw_clean_service($name, $values) {
    foreach ($value in $values) {
        if ($name -ceq 'username') {
            pw_service_account $value
        } elseif ($name -ceq 'dependencies' -or $name -ceq 'state' -or $name -ceq 'start_mode') {
            $value.ToLowerInvariant()
        } else {
            $value
        }
    }
}

# NAME: the account as its SID, where it has one.
function pw_service_account($name) {
    $account = $name
    if ($account -eq 'LocalSystem') { $account = 'NT AUTHORITY\SYSTEM' }
    if ($account -eq 'LocalService') { $account = 'NT AUTHORITY\LOCAL SERVICE' }
    if ($account -eq 'NetworkService') { $account = 'NT AUTHORITY\NETWORK SERVICE' }
    $sid = pw_sys_sid $account
    if ($sid -ceq '') { return $name.ToLowerInvariant() }
    return $sid
}

function pw_write_service($key, $state, $before) {
    $name = $key['name']
    if ($null -eq $state) {
        pw_service_bring $name 'stopped'
        pw_sys_service_call $name 'Delete' @{}
        pw_service_gone $name
        return
    }
    $parameters = pw_service_parameters $state
    if ($null -eq $before) {
        if (-not $state.Contains('path')) { throw "the service ``$name`` is new and needs a path" }
        pw_service_create $name $parameters
    } elseif ($parameters.Count -gt 0) {
        pw_sys_service_call $name 'Change' $parameters
    }
    if ($state.Contains('start_mode')) {
        # Win32_Service knows no delayed start, so it neither sets nor ends one. A service that is started by hand may have
        # it as well, and shows it only when it starts by itself again.
        if ($state['start_mode'][0] -ceq 'delayed') { pw_sc @('config', $name, 'start=', 'delayed-auto') }
        elseif ($state['start_mode'][0] -ceq 'auto') { pw_sc @('config', $name, 'start=', 'auto') }
    }
    if ($state.Contains('description')) { pw_sc @('description', $name, $state['description'][0]) }
    if ($state.Contains('failure_actions')) { pw_service_set_failures $name $state['failure_actions'] }
    if ($state.Contains('state')) { pw_service_bring $name $state['state'][0] }
}

# STATE: the parameters of Win32_Service's Create and Change for it.
function pw_service_parameters($state) {
    $modes = @{ auto = 'Automatic'; delayed = 'Automatic'; manual = 'Manual'; disabled = 'Disabled' }
    $parameters = [ordered]@{}
    if ($state.Contains('display_name')) { $parameters['DisplayName'] = $state['display_name'][0] }
    if ($state.Contains('path')) { $parameters['PathName'] = $state['path'][0] }
    if ($state.Contains('start_mode')) {
        if (-not $modes.ContainsKey($state['start_mode'][0])) {
            throw "a service cannot be told to start as ``$($state['start_mode'][0])``"
        }
        $parameters['StartMode'] = $modes[$state['start_mode'][0]]
    }
    if ($state.Contains('username')) { $parameters['StartName'] = pw_service_logon $state['username'][0] }
    if ($state.Contains('secret.password')) { $parameters['StartPassword'] = $state['secret.password'][0] }
    if ($state.Contains('dependencies')) { $parameters['ServiceDependencies'] = [string[]]$state['dependencies'] }
    return $parameters
}

# NAME: an account as services are told it: `DOMAIN\name`, `.\name`, or one of the three built-in ones.
function pw_service_logon($name) {
    $sid = pw_service_account $name
    switch -CaseSensitive ($sid) {
        'S-1-5-18' { return 'LocalSystem' }
        'S-1-5-19' { return 'NT AUTHORITY\LocalService' }
        'S-1-5-20' { return 'NT AUTHORITY\NetworkService' }
    }
    if ($name.StartsWith('S-1-')) { return pw_sys_account $name }
    return $name
}

# NAME PARAMETERS: makes a service that runs in a process of its own (type 16).
function pw_service_create($name, $parameters) {
    $parameters['Name'] = $name
    if (-not $parameters.Contains('DisplayName')) { $parameters['DisplayName'] = $name }
    if (-not $parameters.Contains('StartMode')) { $parameters['StartMode'] = 'Automatic' }
    $parameters['ServiceType'] = [byte]16
    $parameters['ErrorControl'] = [byte]1
    $parameters['DesktopInteract'] = $false
    pw_sys_service_call $name 'Create' $parameters
}

# WORDS: runs sc.exe.
function pw_sc($words) {
    $program = [IO.Path]::Combine([Environment]::SystemDirectory, 'sc.exe')
    $ended = pw_sys_program $program $words 60
    if ($ended.code -ne 0) {
        throw ('sc.exe {0} `{1}` failed with {2}: {3}' -f $words[0], $words[1], $ended.code, $ended.text.Trim())
    }
}

# NAME ROWS: see pw_service_failures.
function pw_service_set_failures($name, $rows) {
    $reset = '0'
    $actions = [Collections.Generic.List[string]]::new()
    foreach ($row in $rows) {
        if ($row.StartsWith('reset=')) {
            $reset = $row.Substring(6)
            continue
        }
        $parts = $row.Split('/')
        $action = $parts[0]
        if ($action -ceq 'none') { $action = '' }
        if ($action -ceq 'run_command') { $action = 'run' }
        $actions.Add($action + '/' + $parts[1])
    }
    pw_sc @('failure', $name, 'reset=', $reset, 'actions=', [string]::Join('/', $actions))
}

# NAME STATE: starts, stops or pauses it, and waits until it is so. What depends on a service is stopped before it.
function pw_service_bring($name, $wanted) {
    $service = pw_sys_service $name
    $now = pw_service_state $service
    if ($now -ceq $wanted) { return }
    $seconds = 120
    $given = pl_arg $script:pw_call 'wait'
    if ($null -ne $given) { $seconds = [int]$given }
    try {
        switch -CaseSensitive ($wanted) {
            'running' {
                if ($now -ceq 'paused') { $service.Continue() } elseif ($now -cne 'startpending') { $service.Start() }
            }
            'stopped' {
                if ($now -cne 'stoppending') { pw_service_stop $service }
            }
            'paused' {
                if ($now -ceq 'stopped') {
                    $service.Start()
                    $service.WaitForStatus('Running', [TimeSpan]::FromSeconds($seconds))
                }
                $service.Pause()
            }
        }
        $names = @{ running = 'Running'; stopped = 'Stopped'; paused = 'Paused' }
        $service.WaitForStatus($names[$wanted], [TimeSpan]::FromSeconds($seconds))
    } catch {
        $service.Refresh()
        $words = 'service `{0}` is {1} and not {2}: {3}'
        throw ($words -f $name, (pw_service_state $service), $wanted, (pw_reason $_))
    }
}

# SERVICE: stops it, and what depends on it where the call says `force_dependent`.
function pw_service_stop($service) {
    $running = [Collections.Generic.List[string]]::new()
    foreach ($other in $service.DependentServices) {
        if ((pw_service_state $other) -cne 'stopped') { $running.Add($other.ServiceName) }
    }
    if ($running.Count -gt 0 -and -not $script:pw_restoring -and -not (pl_flag $script:pw_call 'force_dependent')) {
        throw 'these services depend on it: ' + [string]::Join(', ', $running) +
            "`nhint: stop them first, or set ``force_dependent_services: true``"
    }
    $service.Stop()
}

# NAME: waits until a service that was deleted is gone: it stays as long as somebody has it open.
function pw_service_gone($name) {
    for ($i = 0; $i -lt 100; $i++) {
        if ($null -eq (pw_sys_service $name)) { return }
        [Threading.Thread]::Sleep(100)
    }
}

# KEY: the services that depend on it and run.
function pw_along_service($key) {
    foreach ($other in (pw_sys_service $key['name']).DependentServices) {
        if ((pw_service_state $other) -ceq 'running') { $other.ServiceName }
    }
}

function pw_activate_service($key, $action) {
    pw_service_bring $key['name'] 'stopped'
    pw_service_bring $key['name'] 'running'
    foreach ($name in $script:pw_along) { pw_service_bring $name 'running' }
}

function pw_list_service {
    if ($PSVersionTable.PSVersion.Major -lt 6) { pw_sys_assembly 'System.ServiceProcess' }
    foreach ($service in [ServiceProcess.ServiceController]::GetServices()) {
        $key = [ordered]@{}
        $key['name'] = $service.ServiceName
        $key
    }
}
