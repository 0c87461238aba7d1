# Scheduled tasks, through the service's automation objects (learn.microsoft.com/windows/win32/taskschd). Key: `path`,
# the folder (`\`), and `name`. The state is the task's definition; `xml` is the whole of it, for one that comes back.
# An action is `program|folder|arguments`; a trigger is `type|name=value|...` with the names that the objects have.

$script:pw_task_triggers = @{ 0 = 'event'; 1 = 'time'; 2 = 'daily'; 3 = 'weekly'; 4 = 'monthly'; 5 = 'monthlydow'
    6 = 'idle'; 7 = 'registration'; 8 = 'boot'; 9 = 'logon'; 11 = 'session_state_change'; 12 = 'custom' }
$script:pw_task_logons = @{ 0 = 'none'; 1 = 'password'; 2 = 's4u'; 3 = 'interactive_token'; 4 = 'group'
    5 = 'service_account'; 6 = 'interactive_token_or_password' }
$script:pw_task_properties = @('StartBoundary', 'EndBoundary', 'Enabled', 'ExecutionTimeLimit', 'DaysInterval',
    'WeeksInterval', 'DaysOfWeek', 'DaysOfMonth', 'MonthsOfYear', 'WeeksOfMonth', 'RandomDelay', 'Delay', 'UserId',
    'Subscription', 'StateChange', 'RunOnLastDayOfMonth', 'RunOnLastWeekOfMonth')
$script:pw_task_settings = [ordered]@{ allow_demand_start = 'AllowDemandStart'
    allow_hard_terminate = 'AllowHardTerminate'; disallow_start_if_on_batteries = 'DisallowStartIfOnBatteries'
    stop_if_going_on_batteries = 'StopIfGoingOnBatteries'; execution_time_limit = 'ExecutionTimeLimit'
    hidden = 'Hidden'; multiple_instances = 'MultipleInstances'; priority = 'Priority'; restart_count = 'RestartCount'
    restart_interval = 'RestartInterval'; run_only_if_idle = 'RunOnlyIfIdle'
    run_only_if_network_available = 'RunOnlyIfNetworkAvailable'; start_when_available = 'StartWhenAvailable'
    wake_to_run = 'WakeToRun'; delete_expired_task_after = 'DeleteExpiredTaskAfter'; enabled = 'Enabled' }

# The service.
function pw_sys_tasks {
    $service = pw_sys_com 'Schedule.Service'
    [void]$service.Connect()
    return $service
}

# SERVICE KEY: the task, or $null. Folders have no way to ask, so the error says it (0x80070002, 0x80070003).
function pw_sys_task($service, $key) {
    try {
        return $service.GetFolder($key['path']).GetTask($key['name'])
    } catch {
        if (pw_task_missing $_) { return $null }
        throw
    }
}

# PROBLEM: whether it says that a task or folder is not there.
function pw_task_missing($problem) {
    return @(-2147024894, -2147024893) -contains $problem.Exception.GetBaseException().HResult
}

# VALUE: as text: booleans in small letters, everything else as it is.
function pw_task_text($value) {
    if ($value -is [bool]) { return ([string]$value).ToLowerInvariant() }
    return [string]$value
}

function pw_read_task($key) {
    $task = pw_sys_task (pw_sys_tasks) $key
    if ($null -eq $task) { return $null }
    $definition = $task.Definition
    $state = [ordered]@{}
    $state['xml'] = [string[]]@([string]$task.Xml)
    $state['description'] = [string[]]@([string]$definition.RegistrationInfo.Description)
    $state['author'] = [string[]]@([string]$definition.RegistrationInfo.Author)
    $state['username'] = [string[]]@([string]$definition.Principal.UserId)
    $state['group'] = [string[]]@([string]$definition.Principal.GroupId)
    $state['logon_type'] = [string[]]@($script:pw_task_logons[[int]$definition.Principal.LogonType])
    $state['run_level'] = [string[]]@('limited')
    if ([int]$definition.Principal.RunLevel -eq 1) { $state['run_level'] = [string[]]@('highest') }
    foreach ($name in $script:pw_task_settings.Keys) {
        $state[$name] = [string[]]@(pw_task_text $definition.Settings.($script:pw_task_settings[$name]))
    }
    $actions = [Collections.Generic.List[string]]::new()
    foreach ($action in $definition.Actions) {
        if ([int]$action.Type -ne 0) {
            $actions.Add('other|' + [string][int]$action.Type)
        } else {
            $actions.Add([string]::Join('|', @([string]$action.Path, [string]$action.WorkingDirectory,
                        [string]$action.Arguments)))
        }
    }
    $state['actions'] = $actions.ToArray()
    $triggers = [Collections.Generic.List[string]]::new()
    foreach ($trigger in $definition.Triggers) { $triggers.Add((pw_task_trigger $trigger)) }
    $state['triggers'] = $triggers.ToArray()
    $state['.last_run'] = [string[]]@([string]$task.LastTaskResult)
    return $state
}

# TRIGGER: as a row, with the properties that it has and that say something.
function pw_task_trigger($trigger) {
    $words = [Collections.Generic.List[string]]::new()
    $words.Add([string]$script:pw_task_triggers[[int]$trigger.Type])
    foreach ($name in $script:pw_task_properties) {
        if ($null -eq $trigger.PSObject.Properties[$name]) { continue }
        $text = pw_task_text $trigger.$name
        if ($text -cne '') { $words.Add("$name=$text") }
    }
    foreach ($name in @('Interval', 'Duration', 'StopAtDurationEnd')) {
        $text = pw_task_text $trigger.Repetition.$name
        if ($text -cne '' -and $text -cne 'false') { $words.Add("Repetition.$name=$text") }
    }
    return [string]::Join('|', $words)
}

# Whatever changes in a task, a rollback brings all of its definition back.
function pw_touches_task { return 'xml' }

# TEXT: the definition of a task without what says nothing: comments, blanks between elements, the declaration.
function pw_task_clean_xml($text) {
    $document = [Xml.XmlDocument]::new()
    $document.XmlResolver = $null
    $settings = [Xml.XmlReaderSettings]::new()
    $settings.DtdProcessing = [Xml.DtdProcessing]::Prohibit
    $settings.XmlResolver = $null
    $settings.IgnoreComments = $true
    $settings.IgnoreWhitespace = $true
    $reader = [Xml.XmlReader]::Create([IO.StringReader]::new($text), $settings)
    try {
        $document.Load($reader)
    } finally {
        $reader.Dispose()
    }
    return $document.DocumentElement.OuterXml
}

function pw_clean_task($name, $values) {
    foreach ($value in $values) {
        if ($name -ceq 'xml') {
            pw_task_clean_xml $value
        } elseif ($name -ceq 'username' -or $name -ceq 'group') {
            $sid = ''
            if ($value -cne '') { $sid = pw_sys_sid $value }
            if ($sid -ceq '') { $sid = $value.ToLowerInvariant() }
            $sid
        } elseif ($name -ceq 'triggers') {
            pw_task_clean_trigger $value
        } else {
            $value
        }
    }
}

# ROW: a trigger with its properties sorted, and without the ones that are the default.
function pw_task_clean_trigger($row) {
    $parts = $row.Split('|')
    $words = [Collections.Generic.List[string]]::new()
    for ($i = 1; $i -lt $parts.Length; $i++) {
        $word = $parts[$i]
        if (@('Enabled=true', 'DaysInterval=1', 'WeeksInterval=1', 'RunOnLastDayOfMonth=false',
                'RunOnLastWeekOfMonth=false') -ccontains $word) { continue }
        $words.Add($word)
    }
    $words.Sort([StringComparer]::Ordinal)
    $words.Insert(0, $parts[0])
    return [string]::Join('|', $words)
}

function pw_write_task($key, $state, $before) {
    $service = pw_sys_tasks
    if ($null -eq $state) {
        [void]$service.GetFolder($key['path']).DeleteTask($key['name'], 0)
        return
    }
    $password = $null
    if ($state.Contains('secret.password')) { $password = $state['secret.password'][0] }
    if ($state.Contains('xml')) {
        $definition = $service.NewTask(0)
        $definition.XmlText = $state['xml'][0]
    } elseif ($null -eq $before) {
        $definition = $service.NewTask(0)
    } else {
        $definition = (pw_sys_task $service $key).Definition
    }
# The XML is all of it: rows cannot say what a COM handler, a custom trigger or a query of an event is.
    if (-not $state.Contains('xml')) {
        foreach ($name in $state.Keys) { pw_task_set $definition $name $state[$name] }
    }
    $folder = pw_task_folder $service $key['path']
    $user = $null
    $type = [int]$definition.Principal.LogonType
    if ($null -ne $password) {
        $user = $definition.Principal.UserId
        if ($type -eq 0 -or $type -eq 3) { $type = 1 }
    }
    if ($type -eq 1 -and $null -eq $password) {
        throw "the task ``$($key['name'])`` runs with a password, which Windows forgets when the task is written" +
            "`nhint: give ``password``"
    }
# 6: create it, or put it in the place of the one that is there.
    if ($state.Contains('xml')) {
        [void]$folder.RegisterTask($key['name'], $state['xml'][0], 6, $user, $password, $type, $null)
        return
    }
    [void]$folder.RegisterTaskDefinition($key['name'], $definition, 6, $user, $password, $type, $null)
}

# SERVICE PATH: the folder of tasks, made where it is missing.
function pw_task_folder($service, $path) {
    try {
        return $service.GetFolder($path)
    } catch {
        if (-not (pw_task_missing $_)) { throw }
        return $service.GetFolder('\').CreateFolder($path.TrimStart('\'), $null)
    }
}

# DEFINITION NAME VALUES: writes one attribute.
function pw_task_set($definition, $name, $values) {
    $text = ''
    if ($values.Length -gt 0) { $text = $values[0] }
    if ($script:pw_task_settings.Contains($name)) {
        pw_task_property $definition.Settings $script:pw_task_settings[$name] $text
        return
    }
    switch -CaseSensitive ($name) {
        'description' { $definition.RegistrationInfo.Description = $text }
        'author' { $definition.RegistrationInfo.Author = $text }
        'username' { $definition.Principal.UserId = $text }
        'group' { $definition.Principal.GroupId = $text }
        'logon_type' {
            foreach ($number in $script:pw_task_logons.Keys) {
                if ($script:pw_task_logons[$number] -ceq $text) { $definition.Principal.LogonType = $number }
            }
        }
        'run_level' {
            $definition.Principal.RunLevel = 0
            if ($text -ceq 'highest') { $definition.Principal.RunLevel = 1 }
        }
        'actions' {
            [void]$definition.Actions.Clear()
            foreach ($row in $values) {
                $parts = $row.Split([char[]]@('|'), 3)
                if ($parts.Length -lt 3) { throw "an action that is no program cannot be written: ``$row``" }
                $action = $definition.Actions.Create(0)
                $action.Path = $parts[0]
                if ($parts[1] -cne '') { $action.WorkingDirectory = $parts[1] }
                if ($parts[2] -cne '') { $action.Arguments = $parts[2] }
            }
        }
        'triggers' {
            [void]$definition.Triggers.Clear()
            foreach ($row in $values) { pw_task_add_trigger $definition $row }
        }
        'secret.password' { }
        default { throw "a task has no attribute ``$name``" }
    }
}

# DEFINITION ROW: adds a trigger.
function pw_task_add_trigger($definition, $row) {
    $parts = $row.Split('|')
    $type = -1
    foreach ($number in $script:pw_task_triggers.Keys) {
        if ($script:pw_task_triggers[$number] -ceq $parts[0]) { $type = $number }
    }
    if ($type -lt 0) { throw "there is no trigger of type ``$($parts[0])``" }
    $trigger = $definition.Triggers.Create($type)
    for ($i = 1; $i -lt $parts.Length; $i++) {
        $at = $parts[$i].IndexOf('=')
        $name = $parts[$i].Substring(0, $at)
        $text = $parts[$i].Substring($at + 1)
        if ($name.StartsWith('Repetition.')) {
            pw_task_property $trigger.Repetition $name.Substring(11) $text
        } else {
            pw_task_property $trigger $name $text
        }
    }
}

# OBJECT NAME TEXT: sets a property, as a boolean or number where the text is one.
function pw_task_property($object, $name, $text) {
    if ($text -ceq 'true' -or $text -ceq 'false') {
        $object.$name = $text -ceq 'true'
    } elseif ($text -cmatch '^[0-9]{1,9}$') {
        $object.$name = [int]$text
    } else {
        $object.$name = $text
    }
}

function pw_activate_task($key, $action) {
    $task = pw_sys_task (pw_sys_tasks) $key
    if ($action -ceq 'stop') { [void]$task.Stop(0) } else { [void]$task.Run($null) }
}
