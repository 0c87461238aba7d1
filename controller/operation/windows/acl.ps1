# Access rules of files, folders and registry keys: the kind `acl`, and what makes rules out of accounts and rights.
# A rule is `TYPE|SID|MASK|INHERIT|PROPAGATE`: allow or deny, the access mask in decimal, InheritanceFlags and
# PropagationFlags as numbers. Only rules of the object itself count; inherited ones belong to its parent. The one rule
# `null` means that there is no access list at all: then everybody may do everything, and with an empty one nobody anything.

# Attributes: `owner` (a SID), `protected` (true: nothing is inherited), `rules`, and for people `.sddl`.
function pw_read_acl($key) {
    if (-not (pw_acl_there $key.path)) { return $null }
    $raw = pw_sys_acl_raw $key.path
    $rules = [Collections.Generic.List[string]]::new()
    foreach ($ace in $raw.DiscretionaryAcl) {
        if (($ace.AceFlags -band [Security.AccessControl.AceFlags]::Inherited) -eq 0) { $rules.Add((pw_acl_rule_text $ace)) }
    }
    if ($null -eq $raw.DiscretionaryAcl) { $rules.Add('null') }
    $rules.Sort([StringComparer]::Ordinal)
    $protected = ($raw.ControlFlags -band [Security.AccessControl.ControlFlags]::DiscretionaryAclProtected) -ne 0
    $state = [ordered]@{}
    $state['owner'] = [string[]]@($raw.Owner.Value)
    $state['protected'] = [string[]]@($protected.ToString().ToLowerInvariant())
    $state['rules'] = [string[]]$rules.ToArray()
    $state['.sddl'] = [string[]]@($raw.GetSddlForm([Security.AccessControl.AccessControlSections]'Owner, Access'))
    return $state
}

function pw_write_acl($key, $state, $before) {
    if ($null -eq $state) { throw 'access rules cannot be removed as such' }
    $all = [ordered]@{}
    foreach ($name in 'owner', 'protected', 'rules') {
        if ($state.Contains($name)) { $all[$name] = @($state[$name]) } else { $all[$name] = @($before[$name]) }
    }
    $owner = $null
    if ($all['owner'][0] -cne $before['owner'][0]) { $owner = [Security.Principal.SecurityIdentifier]::new($all['owner'][0]) }
    $same = $all['protected'][0] -ceq $before['protected'][0] -and (pw_pack $all['rules']) -ceq (pw_pack $before['rules'])
    $list = $null
    if (-not $same) { $list = pw_acl_list $all['rules'] }
    pw_sys_acl_set $key.path $list ($all['protected'][0] -ceq 'true') $owner
}

# A condition or an object type in a rule is nothing that the five fields could hold.
function pw_acl_rule_text($ace) {
    if ($ace -isnot [Security.AccessControl.CommonAce] -or $ace.IsCallback) { throw 'the access list holds conditional rules, which are not supported' }
    $type = 'allow'
    if ($ace.AceQualifier -eq [Security.AccessControl.AceQualifier]::AccessDenied) { $type = 'deny' }
    return '{0}|{1}|{2}|{3}|{4}' -f $type, $ace.SecurityIdentifier.Value, $ace.AccessMask, [int]$ace.InheritanceFlags, [int]$ace.PropagationFlags
}

# The rules as an access list: denials first, as Windows wants them
# (learn.microsoft.com/windows/win32/secauthz/order-of-aces-in-a-dacl).
function pw_acl_list([string[]]$rules) {
    if ($rules -ccontains 'null') { return 'null' }
    $list = [Security.AccessControl.RawAcl]::new(2, $rules.Length)
    foreach ($type in 'deny', 'allow') {
        foreach ($rule in $rules) {
            $fields = $rule.Split('|')
            if ($fields[0] -ceq $type) { $list.InsertAce($list.Count, (pw_acl_ace $fields)) }
        }
    }
    return , $list
}

# Bits of AceFlags: ObjectInherit 1, ContainerInherit 2, NoPropagateInherit 4, InheritOnly 8; InheritanceFlags has
# container 1 and object 2, PropagationFlags NoPropagateInherit 1 and InheritOnly 2.
function pw_acl_ace([string[]]$fields) {
    $inherit = [int]$fields[3]
    $flags = (($inherit -band 1) * 2) -bor (($inherit -band 2) / 2) -bor ([int]$fields[4] * 4)
    $type = [Security.AccessControl.AceQualifier]::AccessAllowed
    if ($fields[0] -ceq 'deny') { $type = [Security.AccessControl.AceQualifier]::AccessDenied }
    $sid = [Security.Principal.SecurityIdentifier]::new($fields[1])
    return [Security.AccessControl.CommonAce]::new([Security.AccessControl.AceFlags]$flags, $type, [int]$fields[2], $sid, $false, $null)
}

# acl_rule path user type mask inherit propagate want(present|absent) [check]
# `inherit` empty: what a folder passes on to everything below, nothing for files. A rule that gives more already is
# enough; one that lacks rights gets them; only a rule that is exactly like this one is removed.
function pw_acl_rule($a) {
    $path = pw_acl_path (pl_arg $a 'path')
    [void](pl_v 'path' $path)
    if (pw_acl_missing $a $path) { return 0 }
    $sid = pw_acl_account (pl_arg $a 'user')
    $inherit = pl_arg $a 'inherit'
    if ($inherit -eq '') {
        $inherit = '0'
        if ((pw_acl_registry $path) -or (pw_kind $path) -eq 'directory') { $inherit = '3' }
    }
    $rules = [Collections.Generic.List[string]]::new([string[]]@((pw_read_acl @{ path = $path })['rules']))
    pw_acl_listed $path $rules
    $mask = [int](pl_arg $a 'mask')
    $head = '{0}|{1}|' -f (pl_arg $a 'type'), $sid
    $tail = '|{0}|{1}' -f $inherit, (pl_arg $a 'propagate')
    if ((pl_arg $a 'want') -eq 'absent') { pw_acl_without $rules $head $mask $tail } else { pw_acl_with $rules $head $mask $tail }
    $rules.Sort([StringComparer]::Ordinal)
    return pw_acl_ensure $a $path 'rules' $rules.ToArray()
}

# A first rule would shut everybody else out of what all may use, so nobody adds one by the way.
function pw_acl_listed([string]$path, $rules) {
    if (-not $rules.Contains('null')) { return }
    throw ("``{0}`` has no access list, so that everybody may do everything with it`nhint: make one with ``win_acl_inheritance: state: present``" -f $path)
}

# The mask of a rule with this head and tail; -1 for another rule. The right to wait for the object (1048576) comes and
# goes with allowing rules by itself, and makes no difference.
function pw_acl_mask([string]$rule, [string]$head, [string]$tail) {
    if (-not ($rule.StartsWith($head, [StringComparison]::Ordinal) -and $rule.EndsWith($tail, [StringComparison]::Ordinal))) { return -1 }
    $fields = $rule.Split('|')
    return [int]$fields[2]
}

function pw_acl_with($rules, [string]$head, [int]$mask, [string]$tail) {
    for ($at = 0; $at -lt $rules.Count; $at++) {
        $has = pw_acl_mask $rules[$at] $head $tail
        if ($has -eq -1) { continue }
        $rules[$at] = $head + ($has -bor $mask) + $tail
        return
    }
    $rules.Add($head + $mask + $tail)
}

function pw_acl_without($rules, [string]$head, [int]$mask, [string]$tail) {
    for ($at = $rules.Count - 1; $at -ge 0; $at--) {
        $has = pw_acl_mask $rules[$at] $head $tail
        if ($has -ne -1 -and ($has -bor 1048576) -eq ($mask -bor 1048576)) { $rules.RemoveAt($at) }
    }
}

# acl_inheritance path want(present|absent) [reorganize] [check]
# Without inheritance the inherited rules become rules of the object itself if `reorganize` says so, else they go. With
# it again, `reorganize` drops the rules that the parent gives anyway.
function pw_acl_inheritance($a) {
    $path = pw_acl_path (pl_arg $a 'path')
    [void](pl_v 'path' $path)
    if (pw_acl_missing $a $path) { return 0 }
    $state = pw_read_acl @{ path = $path }
    $inherits = (pl_arg $a 'want') -eq 'present'
    $rules = [Collections.Generic.List[string]]::new([string[]]@($state['rules']))
    if ($inherits) { [void]$rules.Remove('null') } else { pw_acl_listed $path $rules }
    if ($inherits -eq ($state['protected'][0] -eq 'false') -and $rules.Count -eq $state['rules'].Length) { return 0 }
    if (pl_flag $a 'reorganize') { pw_acl_reorganize $path $rules $inherits }
    $rules.Sort([StringComparer]::Ordinal)
    $b = pw_acl_arguments $a $path
    $b['set.protected'] = [string[]]@((-not $inherits).ToString().ToLowerInvariant())
    $b['set.rules'] = [string[]]$rules.ToArray()
    return pw_ensure $b
}

function pw_acl_reorganize([string]$path, $rules, [bool]$inherits) {
    $source = $path
    if ($inherits) { $source = pw_acl_parent $path }
    foreach ($ace in (pw_sys_acl_raw $source).DiscretionaryAcl) {
        $text = pw_acl_rule_text $ace
        if ($inherits) { [void]$rules.Remove($text); continue }
        if (($ace.AceFlags -band [Security.AccessControl.AceFlags]::Inherited) -ne 0 -and -not $rules.Contains($text)) { $rules.Add($text) }
    }
}

function pw_acl_parent([string]$path) { return $path.Substring(0, $path.LastIndexOf('\')) }

# owner path user [recurse] [check]
function pw_owner($a) {
    $path = pw_acl_path (pl_arg $a 'path')
    [void](pl_v 'path' $path)
    if (pw_acl_missing $a $path) { return 0 }
    $sid = pw_acl_account (pl_arg $a 'user')
    $status = pw_acl_ensure $a $path 'owner' @($sid)
    if ($status -ne 0 -or -not (pl_flag $a 'recurse') -or (pw_kind $path) -ne 'directory') { return $status }
    $folders = [Collections.Generic.Stack[string]]::new()
    $folders.Push($path)
    while ($folders.Count -gt 0) {
        foreach ($item in [IO.DirectoryInfo]::new($folders.Pop()).GetFileSystemInfos()) {
            $status = pw_acl_ensure $a $item.FullName 'owner' @($sid)
            if ($status -ne 0) { return $status }
            if ((pw_kind $item.FullName) -eq 'directory') { $folders.Push($item.FullName) }
        }
    }
    return 0
}

function pw_acl_arguments($a, [string]$path) {
    $b = [Collections.Hashtable]::new([StringComparer]::Ordinal)
    $b['kind'] = [string[]]@('acl')
    $b['key.path'] = [string[]]@($path)
    $b['want'] = [string[]]@('present')
    if (pl_flag $a 'check') { $b['check'] = [string[]]@('1') }
    return $b
}

function pw_acl_ensure($a, [string]$path, [string]$name, [string[]]$values) {
    $b = pw_acl_arguments $a $path
    $b["set.$name"] = $values
    return pw_ensure $b
}

# A SID, or the SID of an account of the host or its domain.
function pw_acl_account([string]$user) {
    $sid = pw_sys_sid $user
    if ($sid -eq '') { throw ("the host knows no account ``{0}```nhint: write ``DOMAIN\NAME``, ``IIS AppPool\NAME`` for a pool, or a SID" -f $user) }
    return $sid
}

function pw_acl_registry([string]$path) { return $path -match '^(HKLM|HKCU|HKCR|HKU|HKCC|HKEY_[A-Z_]+):?(\\|$)' }

function pw_acl_path([string]$text) {
    if (pw_acl_registry $text) { return pw_registry_path $text }
    return pw_path $text
}

function pw_acl_there([string]$path) {
    if (-not (pw_acl_registry $path)) { return (pw_kind $path) -ne 'absent' }
    $key = pw_registry_open $path $false
    if ($null -eq $key) { return $false }
    $key.Dispose()
    return $true
}

# Whether the path is still to be made by an earlier task, as far as check mode can tell; otherwise it has to be there.
function pw_acl_missing($a, [string]$path) {
    if (pw_acl_there $path) { return $false }
    if (-not (pl_flag $a 'check')) { throw ("``{0}`` does not exist on the host" -f $path) }
    [void](pl_v 'changed' '1')
    return $true
}

# The owner of a file or folder as a SID; empty where there is no such thing.
function pw_sys_acl_owner([string]$path) {
    if (-not (pw_sys_windows)) { return '' }
    return (pw_sys_security $path 'Owner').GetOwner([Security.Principal.SecurityIdentifier]).Value
}

# Owner and access list as Windows holds them.
function pw_sys_acl_raw([string]$path) {
    if (pw_acl_registry $path) {
        $key = pw_registry_open $path $false
        try { $security = $key.GetAccessControl([Security.AccessControl.AccessControlSections]'Owner, Access') } finally { $key.Dispose() }
    }
    else { $security = pw_sys_security $path 'Owner, Access' }
    return [Security.AccessControl.RawSecurityDescriptor]::new($security.GetSecurityDescriptorBinaryForm(), 0)
}

# Gives a path another access list (null: keeps it; `null` as text: none at all) and another owner (null: keeps it). What is inherited comes back by
# itself: learn.microsoft.com/windows/win32/secauthz/automatic-propagation-of-inheritable-aces.
function pw_sys_acl_set([string]$path, $list, [bool]$protected, $owner) {
    $registry = pw_acl_registry $path
    if ($registry) { $security = [Security.AccessControl.RegistrySecurity]::new() }
    elseif ([IO.Directory]::Exists($path)) { $security = [Security.AccessControl.DirectorySecurity]::new() }
    else { $security = [Security.AccessControl.FileSecurity]::new() }
    if ($null -ne $list) {
        $flags = [Security.AccessControl.ControlFlags]::DiscretionaryAclPresent -bor [Security.AccessControl.ControlFlags]::SelfRelative
        if ($protected) { $flags = $flags -bor [Security.AccessControl.ControlFlags]::DiscretionaryAclProtected }
        if ($list -is [string]) { $list = $null }
        $raw = [Security.AccessControl.RawSecurityDescriptor]::new($flags, $null, $null, $null, $list)
        $bytes = [byte[]]::new($raw.BinaryLength)
        $raw.GetBinaryForm($bytes, 0)
        $security.SetSecurityDescriptorBinaryForm($bytes, [Security.AccessControl.AccessControlSections]::Access)
    }
    if ($null -ne $owner) { $security.SetOwner($owner) }
    if ($registry) { pw_sys_acl_registry $path $security } else { pw_sys_acl_file $path $security }
}

function pw_sys_acl_file([string]$path, $security) {
    $item = pw_item $path
    if ($PSVersionTable.PSVersion.Major -lt 6) { $item.SetAccessControl($security) }
    else { [IO.FileSystemAclExtensions]::SetAccessControl($item, $security) }
}

function pw_sys_acl_registry([string]$path, $security) {
    $rights = [Security.AccessControl.RegistryRights]'ReadKey, ChangePermissions, TakeOwnership'
    $key = pw_registry_open_for $path $rights
    if ($null -eq $key) { throw ("``{0}`` does not exist on the host" -f $path) }
    try { $key.SetAccessControl($security) } finally { $key.Dispose() }
}

# Gives a new file the rules of the one that it is going to replace.
function pw_sys_acl_copy([string]$from, [string]$to) {
    if (-not (pw_sys_windows)) { return }
    $raw = pw_sys_acl_raw $from
    $protected = ($raw.ControlFlags -band [Security.AccessControl.ControlFlags]::DiscretionaryAclProtected) -ne 0
    $rules = [string[]]@((pw_read_acl @{ path = $from })['rules'])
    pw_sys_acl_set $to (pw_acl_list $rules) $protected $null
}
