# Roles and features of Windows Server. The thing is the host, whatever its key says; `installed` is the list of all
# features it has, so that a rollback takes away exactly what came along. Windows offers no .NET API for them, hence the
# cmdlets of the module ServerManager (learn.microsoft.com/powershell/module/servermanager).

# The features as they were last asked for: that takes seconds.
$script:pw_features = $null

# All features of the host, as objects with Name, Installed, InstallState, DisplayName and SubFeatures.
function pw_sys_features {
    if ($null -ne $script:pw_features) { return , $script:pw_features }
    if ($null -eq $ExecutionContext.InvokeCommand.GetCommand('Get-WindowsFeature', 'All')) {
        throw 'this host has no module `ServerManager`: features are those of Windows Server' +
            "`nhint: use ``win_shell`` with dism.exe on other editions"
    }
    $script:pw_features = @(Get-WindowsFeature)
    return , $script:pw_features
}

# NAMES CHECK: what the cmdlet answers: Success, ExitCode, RestartNeeded, FeatureResult. CHECK only asks.
function pw_sys_feature_add($names, $check) {
    $options = @{ Name = $names; WarningAction = 'SilentlyContinue'; WhatIf = $check }
    $options['IncludeAllSubFeature'] = pl_flag $script:pw_call 'sub_features'
    $options['IncludeManagementTools'] = pl_flag $script:pw_call 'management_tools'
    $source = pl_arg $script:pw_call 'source'
    if ($null -ne $source) { $options['Source'] = $source }
    return Install-WindowsFeature @options
}

# NAMES: removes features, without their payload.
function pw_sys_feature_remove($names) {
    return Uninstall-WindowsFeature -Name $names -WarningAction 'SilentlyContinue'
}

function pw_read_feature($key) {
    $script:pw_features = $null
    $installed = [Collections.Generic.List[string]]::new()
    foreach ($feature in (pw_sys_features)) {
# A restart may still be due for it.
        $now = [string]$feature.InstallState
        if ($now -ceq 'UninstallPending') { continue }
        if ($feature.Installed -or $now -ceq 'InstallPending') { $installed.Add($feature.Name) }
    }
    $installed.Sort([StringComparer]::OrdinalIgnoreCase)
    $state = [ordered]@{}
    $state['installed'] = $installed.ToArray()
    return $state
}

function pw_clean_feature($name, $values) {
    $lower = [Collections.Generic.List[string]]::new()
    foreach ($value in $values) { $lower.Add($value.ToLowerInvariant()) }
    $lower.Sort([StringComparer]::Ordinal)
    $lower.ToArray()
}

# NAME VALUES: features with all below them where the call says so. Management tools have no list of their own: Windows
# is asked whether some are missing, and `?tools` stands for them.
function pw_expand_feature($name, $values) {
    $features = @{}
    foreach ($feature in (pw_sys_features)) { $features[$feature.Name] = $feature }
    $queue = [Collections.Generic.Queue[string]]::new()
    foreach ($value in $values) {
        if (-not $features.ContainsKey($value)) {
            throw "this host knows no feature ``$value```nhint: Get-WindowsFeature lists the names"
        }
        $queue.Enqueue($features[$value].Name)
    }
    $missing = $false
    $named = $queue.ToArray()
    foreach ($one in $named) {
        if (-not $features[$one].Installed) { $missing = $true }
        $one
    }
    if (pl_flag $script:pw_call 'sub_features') {
        while ($queue.Count -gt 0) {
            foreach ($below in $features[$queue.Dequeue()].SubFeatures) {
                $below
                $queue.Enqueue($below)
            }
        }
    }
    $tools = (pl_flag $script:pw_call 'management_tools') -and (pl_arg $script:pw_call 'want') -cne 'absent'
    if ($tools -and -not $missing -and $named.Length -gt 0) {
        $asked = pw_sys_feature_add $named $true
        if ([string]$asked.ExitCode -cne 'NoChangeNeeded') { '?tools' }
    }
}

function pw_write_feature($key, $state, $before) {
    $have = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
    foreach ($name in $before['installed']) { [void]$have.Add($name) }
    $want = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
    $add = [Collections.Generic.List[string]]::new()
    foreach ($name in $state['installed']) {
        [void]$want.Add($name)
        if ($name -ceq '?tools') {
            foreach ($asked in (pl_list $script:pw_call 'add.installed')) { $add.Add($asked) }
        } elseif (-not $have.Contains($name)) {
            $add.Add($name)
        }
    }
    $remove = [Collections.Generic.List[string]]::new()
    foreach ($name in $before['installed']) {
        if (-not $want.Contains($name)) { $remove.Add($name) }
    }
    if ($add.Count -gt 0) { pw_feature_result (pw_sys_feature_add $add.ToArray() $false) $add }
    if ($remove.Count -gt 0) { pw_feature_result (pw_sys_feature_remove $remove.ToArray()) $remove }
}

# RESULT NAMES: reports what Windows says of it.
function pw_feature_result($result, $names) {
    [void](pl_v 'exit_code' ([string]$result.ExitCode))
    [void](pl_v 'success' ([string]$result.Success).ToLowerInvariant())
    $restart = ([string]$result.RestartNeeded) -cne 'No'
    if ($restart) { [void](pl_v 'reboot' '1') }
    foreach ($one in $result.FeatureResult) {
        [void](pl_v 'feature' (pw_pack @($one.DisplayName, [string]$one.Id, [string]$one.Success,
                    [string]$one.RestartNeeded, [string]$one.SkipReason)))
    }
    if (-not $result.Success) {
        throw ('features {0}: {1}' -f [string]::Join(', ', $names), [string]$result.ExitCode)
    }
}
