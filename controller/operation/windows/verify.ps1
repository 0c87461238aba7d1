# What is looked at when an agent is verified: rights as they come out for an account, the event log, worker processes.

# SID: the SIDs that a process of an account has, as far as the host can tell without logging it on: itself, what everybody
# has, and local groups. The groups of a domain account in its domain are not among them.
function pw_token_sids($sid) {
    $sids = [Collections.Generic.HashSet[string]]::new()
    foreach ($one in @($sid, 'S-1-1-0', 'S-1-5-11')) { [void]$sids.Add($one) }
    if ($sid.StartsWith('S-1-5-82-')) {
# A pool's process is a service; its identity is a user of the host, and IIS adds a group of its own
# (learn.microsoft.com/iis/manage/configuring-security/application-pool-identities).
        foreach ($one in @('S-1-5-6', 'S-1-5-32-545', 'S-1-5-32-568')) { [void]$sids.Add($one) }
        return , $sids
    }
    if ($sid.StartsWith('S-1-5-32-')) { return , $sids }
    if ($sid -ceq 'S-1-5-18') {
        [void]$sids.Add('S-1-5-32-544')
        return , $sids
    }
    [void]$sids.Add('S-1-5-32-545')
    foreach ($group in @('S-1-5-32-544', 'S-1-5-32-568')) {
        $name = pw_sys_account $group
        $state = pw_read_group @{ name = $name.Substring($name.LastIndexOf('\') + 1) }
        if ($null -ne $state -and $state['members'] -ccontains $sid) { [void]$sids.Add($group) }
    }
    return , $sids
}

# MASK: with the generic rights as those of files
# (learn.microsoft.com/windows/win32/fileio/file-security-and-access-rights).
function pw_rights_mapped([int]$mask) {
    $mapped = $mask -band 0x0fffffff
    if (($mask -band 0x10000000) -ne 0) { $mapped = $mapped -bor 0x1f01ff }
    if (($mask -band 0x20000000) -ne 0) { $mapped = $mapped -bor 0x1200a0 }
    if (($mask -band 0x40000000) -ne 0) { $mapped = $mapped -bor 0x120116 }
    if (($mask -band [int]::MinValue) -ne 0) { $mapped = $mapped -bor 0x120089 }
    return $mapped
}

# LIST SIDS: the rights that an access list gives to who has these SIDs: entries count in their order, the first one that
# names a right decides (learn.microsoft.com/windows/win32/secauthz/how-dacls-control-access-to-an-object).
function pw_rights_given($list, $sids) {
    if ($null -eq $list) { return 0x1f01ff }
    $granted = 0
    $denied = 0
    foreach ($ace in $list) {
        if (($ace.AceFlags -band [Security.AccessControl.AceFlags]::InheritOnly) -ne 0) { continue }
        if ($ace -isnot [Security.AccessControl.CommonAce] -or $ace.IsCallback) {
            throw 'the access list holds conditional rules, which are not supported'
        }
        if (-not $sids.Contains($ace.SecurityIdentifier.Value)) { continue }
        $mask = pw_rights_mapped $ace.AccessMask
        if ($ace.AceQualifier -eq [Security.AccessControl.AceQualifier]::AccessAllowed) {
            $granted = $granted -bor ($mask -band (-bnot $denied))
        } else {
            $denied = $denied -bor ($mask -band (-bnot $granted))
        }
    }
    return $granted
}

# effective_rights path* user: for each path `MASK PATH`, or `- PATH` where there is none.
function pw_effective_rights($a) {
    $sids = pw_token_sids (pw_acl_account (pl_arg $a 'user'))
    foreach ($text in (pl_list $a 'path')) {
        $path = pw_acl_path $text
        $said = '-'
        if (pw_acl_there $path) { $said = [string](pw_rights_given (pw_sys_acl_raw $path).DiscretionaryAcl $sids) }
        [void](pl_v 'rights' ($said + ' ' + $path))
    }
    return 0
}

# NAME: a log of Windows.
function pw_sys_event_log($name) {
    if ($PSVersionTable.PSVersion.Major -ge 6) { pw_sys_assembly 'System.Diagnostics.EventLog' }
    if (-not [Diagnostics.EventLog]::Exists($name)) { throw "the host has no event log ``$name``" }
    return [Diagnostics.EventLog]::new($name)
}

# event_log log sources* since: errors of these sources, the newest first, at most 50: source, number, time, text. `since` is
# in seconds of 1970; no more than 20,000 entries are looked at.
function pw_event_log($a) {
    $since = [DateTime]::MinValue
    $given = pl_arg $a 'since'
    if ($null -ne $given -and $given -cne '') { $since = [DateTimeOffset]::FromUnixTimeSeconds([long]$given).LocalDateTime }
    $sources = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
    foreach ($source in (pl_list $a 'sources')) { [void]$sources.Add($source) }
    $log = pw_sys_event_log (pl_arg $a 'log')
    try {
        $entries = $log.Entries
        $told = 0
        $last = [Math]::Max(0, $entries.Count - 20000)
        for ($i = $entries.Count - 1; $i -ge $last -and $told -lt 50; $i--) {
            $entry = $entries[$i]
            if ($entry.TimeGenerated -lt $since) { break }
            if ([string]$entry.EntryType -cne 'Error') { continue }
            if ($sources.Count -gt 0 -and -not $sources.Contains($entry.Source)) { continue }
            $text = [string]$entry.Message
            if ($text.Length -gt 2000) { $text = $text.Substring(0, 2000) }
            $time = $entry.TimeGenerated.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ')
            [void](pl_v 'event' (pw_pack @($entry.Source, [string]($entry.InstanceId -band 0xffff), $time, $text)))
            $told++
        }
    } finally {
        $log.Dispose()
    }
    return 0
}

# iis_worker pool module: the state of a pool, `PID SECONDS` of each of its processes with the time of its start, and whether IIS
# knows a global module.
function pw_iis_worker($a) {
    $module = pl_arg $a 'module'
    if ($null -ne $module) {
        $known = '0'
        if ($null -ne (pw_read_iis_module @{ name = $module })) { $known = '1' }
        [void](pl_v 'module' $known)
    }
    $pool = pw_iis_find 'pool' (pl_arg $a 'pool')
    if ($null -eq $pool) { return 0 }
    [void](pl_v 'state' (pw_iis_state $pool))
    foreach ($worker in $pool.WorkerProcesses) {
        $id = [int]$worker.ProcessId
        [void](pl_v 'worker' ('{0} {1}' -f $id, (pw_sys_started $id)))
    }
    return 0
}

# ID: when a process began, in seconds of 1970; 0 where it is gone already.
function pw_sys_started($id) {
    try {
        $process = [Diagnostics.Process]::GetProcessById($id)
    } catch [ArgumentException] {
        return 0
    }
    return [DateTimeOffset]::new($process.StartTime).ToUnixTimeSeconds()
}
