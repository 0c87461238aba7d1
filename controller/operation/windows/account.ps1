# Local users, groups and members, through ADSI's provider `WinNT`
# (learn.microsoft.com/windows/win32/adsi/adsi-winnt-provider).

# Bits of UserFlags (learn.microsoft.com/windows/win32/api/iads/ne-iads-ads_user_flag_enum).
$script:pw_user_flags = [ordered]@{ account_disabled = 2; account_locked = 16; user_cannot_change_password = 64
    password_never_expires = 65536 }
$script:pw_user_texts = [ordered]@{ fullname = 'FullName'; description = 'Description'; profile = 'Profile'
    login_script = 'LoginScript'; home_directory = 'HomeDirectory' }

# NAME CLASS: the account of this host, or $null.
function pw_sys_account_entry($name, $class) {
    if ($name -ceq '' -or $name.IndexOfAny([char[]]'/\[]:;|=,+*?<>"') -ge 0) { throw "``$name`` cannot be a $class" }
    $machine = [DirectoryServices.DirectoryEntry]::new("WinNT://$([Environment]::MachineName),computer")
    try {
        return $machine.Children.Find($name, $class)
    } catch {
# 0x800708AD: no such user; 0x800708AC: no such group.
        if (@(-2147022675, -2147022676) -contains $_.Exception.GetBaseException().HResult) { return $null }
        throw
    }
}

# NAME CLASS: a new account, not written yet.
function pw_sys_account_new($name, $class) {
    $machine = [DirectoryServices.DirectoryEntry]::new("WinNT://$([Environment]::MachineName),computer")
    return $machine.Children.Add($name, $class)
}

# NAME CLASS: removes it.
function pw_sys_account_remove($name, $class) {
    $machine = [DirectoryServices.DirectoryEntry]::new("WinNT://$([Environment]::MachineName),computer")
    $machine.Children.Remove($machine.Children.Find($name, $class))
}

# ENTRY NAME: a property as text.
function pw_account_text($entry, $name) {
    $value = $entry.Properties[$name].Value
    if ($null -eq $value) { return '' }
    return [string]$value
}

# ENTRY: the SID of an account.
function pw_account_sid($entry) {
    return [Security.Principal.SecurityIdentifier]::new([byte[]]$entry.Properties['objectSid'].Value, 0).Value
}

# OBJECTS: ADSI objects of a collection, as entries.
function pw_account_entries($objects) {
    $entries = [Collections.Generic.List[object]]::new()
    foreach ($object in $objects) { $entries.Add([DirectoryServices.DirectoryEntry]::new($object)) }
    return , $entries.ToArray()
}

function pw_read_user($key) {
    $entry = pw_sys_account_entry $key['name'] 'user'
    if ($null -eq $entry) { return $null }
    $state = [ordered]@{}
    foreach ($name in $script:pw_user_texts.Keys) {
        $state[$name] = [string[]]@(pw_account_text $entry $script:pw_user_texts[$name])
    }
    $flags = [int]$entry.Properties['UserFlags'].Value
    foreach ($name in $script:pw_user_flags.Keys) {
        $set = ($flags -band $script:pw_user_flags[$name]) -ne 0
        $state[$name] = [string[]]@(([string]$set).ToLowerInvariant())
    }
    $expired = (pw_account_text $entry 'PasswordExpired') -ceq '1'
    $state['password_expired'] = [string[]]@(([string]$expired).ToLowerInvariant())
    $groups = [Collections.Generic.List[string]]::new()
    foreach ($group in (pw_account_entries ($entry.Invoke('Groups', [object[]]@())))) { $groups.Add($group.Name) }
    $groups.Sort([StringComparer]::OrdinalIgnoreCase)
    $state['groups'] = $groups.ToArray()
    $state['.sid'] = [string[]]@(pw_account_sid $entry)
    $state['.path'] = [string[]]@($entry.Path)
    return $state
}

function pw_clean_user($name, $values) {
    $clean = [Collections.Generic.List[string]]::new()
    foreach ($value in $values) {
        $text = $value
        if ($name -ceq 'groups') { $text = $value.ToLowerInvariant() }
        $clean.Add($text)
    }
    if ($name -ceq 'groups') { $clean.Sort([StringComparer]::Ordinal) }
    $clean.ToArray()
}

# KEY NAME VALUE: whether this is the user's password. Windows counts a wrong one against the account, once.
function pw_secret_is_user($key, $name, $value) {
    pw_sys_assembly 'System.DirectoryServices.AccountManagement'
    $machine = [DirectoryServices.AccountManagement.PrincipalContext]::new('Machine')
    try {
        return $machine.ValidateCredentials($key['name'], $value)
    } catch {
        return $false
    } finally {
        $machine.Dispose()
    }
}

function pw_write_user($key, $state, $before) {
    $name = $key['name']
    if ($null -eq $state) {
        pw_sys_account_remove $name 'user'
        return
    }
    $new = $null -eq $before
    if ($new) { $entry = pw_sys_account_new $name 'user' } else { $entry = pw_sys_account_entry $name 'user' }
    if ($state.Contains('secret.password')) {
        [void]$entry.Invoke('SetPassword', [object[]]@($state['secret.password'][0]))
    }
    if ($new) { $entry.CommitChanges() }
    foreach ($text in $script:pw_user_texts.Keys) {
        if ($state.Contains($text)) { $entry.Properties[$script:pw_user_texts[$text]].Value = $state[$text][0] }
    }
    $flags = [int]$entry.Properties['UserFlags'].Value
    foreach ($flag in $script:pw_user_flags.Keys) {
        if (-not $state.Contains($flag)) { continue }
        $bit = $script:pw_user_flags[$flag]
        if ($state[$flag][0] -ceq 'true') { $flags = $flags -bor $bit } else { $flags = $flags -band (-1 -bxor $bit) }
    }
    $entry.Properties['UserFlags'].Value = $flags
    if ($state.Contains('password_expired')) {
        $expired = 0
        if ($state['password_expired'][0] -ceq 'true') { $expired = 1 }
        $entry.Properties['PasswordExpired'].Value = $expired
    }
    $entry.CommitChanges()
    if ($state.Contains('groups')) { pw_user_groups $entry $state['groups'] $before }
}

# ENTRY GROUPS BEFORE: makes the user a member of these groups, and of no others.
function pw_user_groups($entry, $groups, $before) {
    $old = [string[]]@()
    if ($null -ne $before) { $old = $before['groups'] }
    foreach ($name in $groups) {
        if ($old -notcontains $name) {
            $group = pw_sys_account_entry $name 'group'
            if ($null -eq $group) { throw "there is no group ``$name``" }
            [void]$group.Invoke('Add', [object[]]@($entry.Path))
        }
    }
    foreach ($name in $old) {
        if ($groups -notcontains $name) {
            [void](pw_sys_account_entry $name 'group').Invoke('Remove', [object[]]@($entry.Path))
        }
    }
}

function pw_read_group($key) {
    $entry = pw_sys_account_entry $key['name'] 'group'
    if ($null -eq $entry) { return $null }
    $members = [Collections.Generic.List[string]]::new()
    foreach ($member in (pw_account_entries ($entry.Invoke('Members', [object[]]@())))) {
        $members.Add((pw_account_sid $member))
    }
    $members.Sort([StringComparer]::Ordinal)
    $state = [ordered]@{}
    $state['description'] = [string[]]@(pw_account_text $entry 'Description')
    $state['members'] = $members.ToArray()
    $state['.sid'] = [string[]]@(pw_account_sid $entry)
    return $state
}

function pw_clean_group($name, $values) {
    if ($name -cne 'members') {
        $values
        return
    }
    $sids = [Collections.Generic.List[string]]::new()
    foreach ($value in $values) {
        $sid = pw_sys_sid $value
        if ($sid -ceq '' -and (pl_flag $script:pw_call 'check')) { $sid = $value.ToLowerInvariant() }
        if ($sid -ceq '') { throw "Windows knows no account ``$value``" }
        $sids.Add($sid)
    }
    $sids.Sort([StringComparer]::Ordinal)
    $sids.ToArray()
}

function pw_write_group($key, $state, $before) {
    $name = $key['name']
    if ($null -eq $state) {
        pw_sys_account_remove $name 'group'
        return
    }
    if ($null -eq $before) {
        $entry = pw_sys_account_new $name 'group'
        $entry.CommitChanges()
    } else {
        $entry = pw_sys_account_entry $name 'group'
    }
    if ($state.Contains('description')) {
        $entry.Properties['Description'].Value = $state['description'][0]
        $entry.CommitChanges()
    }
    if (-not $state.Contains('members')) { return }
    $old = [string[]]@()
    if ($null -ne $before) { $old = $before['members'] }
    $wanted = [string[]]@(pw_clean_group 'members' $state['members'])
    foreach ($sid in $wanted) {
        if ($old -cnotcontains $sid) { [void]$entry.Invoke('Add', [object[]]@("WinNT://$sid")) }
    }
    foreach ($sid in $old) {
        if ($wanted -cnotcontains $sid) { [void]$entry.Invoke('Remove', [object[]]@("WinNT://$sid")) }
    }
}
