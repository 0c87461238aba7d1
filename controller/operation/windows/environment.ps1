# Environment variables: the kind `environment`, and elements of a list such as PATH.
# Where Windows keeps them: learn.microsoft.com/windows/win32/procthread/environment-variables.

function pw_environment_key([string]$level) {
    if ($level -eq 'machine') { return 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Environment' }
    if ($level -eq 'user') { return 'HKCU:\Environment' }
    throw ("``{0}`` is not a level of environment variables" -f $level)
}

# Attribute `value`, as it is stored: names in percent signs are not expanded.
function pw_read_environment($key) {
    if ($key.level -eq 'process') { $value = [Environment]::GetEnvironmentVariable($key.name) }
    else { $value = pw_environment_stored (pw_environment_key $key.level) $key.name }
    if ($null -eq $value) { return $null }
    return [ordered]@{ value = [string[]]@($value) }
}

function pw_environment_stored([string]$path, [string]$name) {
    $open = pw_registry_open $path $false
    if ($null -eq $open) { return $null }
    $options = [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames
    try { return $open.GetValue($name, $null, $options) } finally { $open.Dispose() }
}

# A value with a percent sign in it, or one that was so before, is stored as expandable.
function pw_write_environment($key, $state, $before) {
    $value = $null
    if ($null -ne $state) { $value = @($state['value'])[0] }
    if ($key.level -eq 'process') { [Environment]::SetEnvironmentVariable($key.name, $value); return }
    $open = pw_registry_open (pw_environment_key $key.level) $true
    if ($null -eq $open) { throw ("the variables of level ``{0}`` are not there" -f $key.level) }
    try {
        $type = [Microsoft.Win32.RegistryValueKind]::String
        $there = @($open.GetValueNames()) -contains $key.name
        if ($there) { $type = $open.GetValueKind($key.name) }
        if ($null -eq $value) { $open.DeleteValue($key.name, $false) }
        else {
            if ($value.Contains('%')) { $type = [Microsoft.Win32.RegistryValueKind]::ExpandString }
            $open.SetValue($key.name, $value, $type)
        }
    }
    finally { $open.Dispose() }
    pw_sys_environment_tell $key.level
}

# Removing a variable that is not there changes nothing, and lets .NET tell all programs that variables changed
# (WM_SETTINGCHANGE, learn.microsoft.com/dotnet/api/system.environment.setenvironmentvariable).
function pw_sys_environment_tell([string]$level) {
    $target = [EnvironmentVariableTarget]::User
    if ($level -eq 'machine') { $target = [EnvironmentVariableTarget]::Machine }
    [Environment]::SetEnvironmentVariable('PACELINE_NO_SUCH_VARIABLE', $null, $target)
}

# path_elements name level elements want(present|absent) [check]
# Elements are alike whatever their case and backslashes behind them; new ones go to the end, in order.
function pw_path_elements($a) {
    $level = pl_arg $a 'level'
    $name = pl_arg $a 'name'
    $stored = pw_environment_stored (pw_environment_key $level) $name
    $value = ''
    if ($null -ne $stored) { $value = $stored }
    $now = [Collections.Generic.List[string]]::new()
    foreach ($element in $value.Split(';')) { if ($element -ne '') { $now.Add($element) } }
    $changed = $false
    foreach ($element in (pl_list $a 'elements')) {
        $at = pw_path_element_at $now $element
        if ((pl_arg $a 'want') -eq 'absent') {
            while ($at -ge 0) { $now.RemoveAt($at); $changed = $true; $at = pw_path_element_at $now $element }
        }
        elseif ($at -lt 0) { $now.Add($element); $changed = $true }
    }
    if (-not $changed) { return 0 }
    $b = [Collections.Hashtable]::new([StringComparer]::Ordinal)
    $b['kind'] = [string[]]@('environment')
    $b['key.name'] = [string[]]@($name)
    $b['key.level'] = [string[]]@($level)
    $b['want'] = [string[]]@('present')
    $b['set.value'] = [string[]]@([string]::Join(';', $now))
    if (pl_flag $a 'check') { $b['check'] = [string[]]@('1') }
    return pw_ensure $b
}

function pw_path_element_at($list, [string]$element) {
    $wanted = pw_path_element_alike $element
    for ($at = 0; $at -lt $list.Count; $at++) {
        if ([string]::Equals((pw_path_element_alike $list[$at]), $wanted, [StringComparison]::OrdinalIgnoreCase)) { return $at }
    }
    return -1
}

function pw_path_element_alike([string]$element) {
    return [Environment]::ExpandEnvironmentVariables($element).Replace('/', '\').TrimEnd('\')
}

# environment_set level names values [check]: several variables; an empty value removes one.
function pw_environment_set($a) {
    $names = pl_list $a 'names'
    $values = pl_list $a 'values'
    for ($at = 0; $at -lt $names.Length; $at++) {
        $b = [Collections.Hashtable]::new([StringComparer]::Ordinal)
        $b['kind'] = [string[]]@('environment')
        $b['key.name'] = [string[]]@($names[$at])
        $b['key.level'] = [string[]]@((pl_arg $a 'level'))
        $b['want'] = [string[]]@('absent')
        if ($values[$at] -ne '') {
            $b['want'] = [string[]]@('present')
            $b['set.value'] = [string[]]@($values[$at])
        }
        if (pl_flag $a 'check') { $b['check'] = [string[]]@('1') }
        $status = pw_ensure $b
        if ($status -ne 0) { return $status }
    }
    return 0
}
