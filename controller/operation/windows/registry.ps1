# Registry values and keys: the kinds `registry` and `registry_key`.
# Types: learn.microsoft.com/dotnet/api/microsoft.win32.registryvaluekind.

# A key's path as `HKLM:\...`, whichever way the hive is written. Only a backslash parts the names of keys: a slash is a
# character of them (`...\Ciphers\RC4 128/128`).
function pw_registry_path([string]$text) {
    $path = $text.TrimEnd('\')
    $at = $path.IndexOf('\')
    $hive = $path
    $rest = ''
    if ($at -ge 0) { $hive = $path.Substring(0, $at); $rest = $path.Substring($at) }
    $short = switch ($hive.TrimEnd(':').ToUpperInvariant()) {
        'HKLM' { 'HKLM' } 'HKEY_LOCAL_MACHINE' { 'HKLM' }
        'HKCU' { 'HKCU' } 'HKEY_CURRENT_USER' { 'HKCU' }
        'HKCR' { 'HKCR' } 'HKEY_CLASSES_ROOT' { 'HKCR' }
        'HKU' { 'HKU' } 'HKEY_USERS' { 'HKU' }
        'HKCC' { 'HKCC' } 'HKEY_CURRENT_CONFIG' { 'HKCC' }
        default { throw ("``{0}`` is not in a hive of the registry`nhint: begin with HKLM, HKCU, HKCR, HKU or HKCC" -f $text) }
    }
    if ($rest.Contains('\\')) { throw ("``{0}`` has an empty name between backslashes" -f $text) }
    return $short + ':' + $rest
}

# The hive of such a path, and the rest of it.
function pw_registry_hive([string]$path) {
    $hive = switch ($path.Substring(0, $path.IndexOf(':'))) {
        'HKLM' { 'LocalMachine' } 'HKCU' { 'CurrentUser' } 'HKCR' { 'ClassesRoot' } 'HKU' { 'Users' } 'HKCC' { 'CurrentConfig' }
    }
    return [Microsoft.Win32.RegistryKey]::OpenBaseKey([Microsoft.Win32.RegistryHive]$hive, [Microsoft.Win32.RegistryView]::Default)
}

function pw_registry_rest([string]$path) {
    $at = $path.IndexOf('\')
    if ($at -lt 0) { return '' }
    return $path.Substring($at + 1)
}

# An open key; null when there is none.
function pw_registry_open([string]$path, [bool]$write) {
    $hive = pw_registry_hive $path
    try { return $hive.OpenSubKey((pw_registry_rest $path), $write) } finally { $hive.Dispose() }
}

function pw_registry_open_for([string]$path, $rights) {
    $hive = pw_registry_hive $path
    $check = [Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree
    try { return $hive.OpenSubKey((pw_registry_rest $path), $check, $rights) } finally { $hive.Dispose() }
}

# Kind `registry`: a value. Attributes: `type`, `data` (numbers in decimal, bytes in hexadecimal digits).
function pw_read_registry($key) {
    $open = pw_registry_open (pw_registry_path $key.path) $false
    if ($null -eq $open) { return $null }
    try {
        if (@($open.GetValueNames()) -notcontains $key.name) { return $null }
        return pw_registry_value $open $key.name
    }
    finally { $open.Dispose() }
}

function pw_registry_value($open, [string]$name) {
    $value = $open.GetValue($name, $null, [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames)
    $type = $open.GetValueKind($name).ToString().ToLowerInvariant()
    $data = switch ($type) {
        'dword' { [BitConverter]::ToUInt32([BitConverter]::GetBytes([int]$value), 0).ToString() }
        'qword' { [BitConverter]::ToUInt64([BitConverter]::GetBytes([long]$value), 0).ToString() }
        'binary' { pw_hex $value }
        'none' { pw_hex $value }
        default { $value }
    }
    $state = [ordered]@{}
    $state['type'] = [string[]]@($type)
    $state['data'] = [string[]]@()
    if ($null -ne $data) { $state['data'] = [string[]]@($data) }
    return $state
}

function pw_write_registry($key, $state, $before) {
    $path = pw_registry_path $key.path
    $open = pw_registry_open $path $true
    if ($null -eq $open) {
        if ($null -eq $state) { return }
        throw ("the key ``{0}`` does not exist" -f $path)
    }
    try {
        if ($null -eq $state) { $open.DeleteValue($key.name, $false); return }
        $type = if ($state.Contains('type')) { @($state['type'])[0] } else { $before['type'][0] }
        $data = if ($state.Contains('data')) { @($state['data']) } else { @($before['data']) }
        pw_registry_set $open $key.name $type ([string[]]$data)
    }
    finally { $open.Dispose() }
}

function pw_registry_set($open, [string]$name, [string]$type, [string[]]$data) {
    $first = ''
    if ($data.Length -gt 0) { $first = $data[0] }
    switch ($type) {
        'string' { $open.SetValue($name, $first, [Microsoft.Win32.RegistryValueKind]::String) }
        'expandstring' { $open.SetValue($name, $first, [Microsoft.Win32.RegistryValueKind]::ExpandString) }
        'multistring' { $open.SetValue($name, $data, [Microsoft.Win32.RegistryValueKind]::MultiString) }
        'dword' { $open.SetValue($name, [BitConverter]::ToInt32([BitConverter]::GetBytes([uint32]$first), 0), [Microsoft.Win32.RegistryValueKind]::DWord) }
        'qword' { $open.SetValue($name, [BitConverter]::ToInt64([BitConverter]::GetBytes([uint64]$first), 0), [Microsoft.Win32.RegistryValueKind]::QWord) }
        'binary' { $open.SetValue($name, [byte[]](pw_unhex $first), [Microsoft.Win32.RegistryValueKind]::Binary) }
        'none' { $open.SetValue($name, [byte[]](pw_unhex $first), [Microsoft.Win32.RegistryValueKind]::None) }
        default { throw ("values of type ``{0}`` cannot be written" -f $type) }
    }
}

function pw_unhex([string]$text) {
    $bytes = [byte[]]::new($text.Length / 2)
    for ($at = 0; $at -lt $bytes.Length; $at++) { $bytes[$at] = [Convert]::ToByte($text.Substring(2 * $at, 2), 16) }
    return , $bytes
}

# Kind `registry_key`. Attribute `tree`: one element for each value and key below, `PATH`, `NAME`, `TYPE` and the data
# packed by pw_pack, so that a removed key can be made again with all that was in it. Attribute `security`: one element for
# each key that has access rules of its own, `PATH`, `protected`, the owner and the rules as the kind `acl` writes them.
function pw_read_registry_key($key) {
    $path = pw_registry_path $key.path
    $open = pw_registry_open $path $false
    if ($null -eq $open) { return $null }
    $tree = [Collections.Generic.List[string]]::new()
    try { pw_registry_walk $open '' $tree } finally { $open.Dispose() }
    $security = [Collections.Generic.List[string]]::new()
    pw_registry_rules $path '' $security
    foreach ($element in $tree) {
        $fields = pw_unpack $element
        if ($fields.Length -eq 1) { pw_registry_rules $path $fields[0] $security }
    }
    $tree.Sort([StringComparer]::Ordinal)
    $security.Sort([StringComparer]::Ordinal)
    $state = [ordered]@{}
    $state['tree'] = [string[]]$tree.ToArray()
    $state['security'] = [string[]]$security.ToArray()
    return $state
}

# PATH BELOW SECURITY: adds the rules of a key, if it has its own.
function pw_registry_rules([string]$path, [string]$below, $security) {
    $state = pw_read_acl @{ path = $path + $below }
    if ($null -eq $state) { return }
    if ($state['rules'].Length -eq 0 -and $state['protected'][0] -cne 'true') { return }
    $security.Add((pw_pack (@($below, $state['protected'][0], $state['owner'][0]) + @($state['rules']))))
}

# The owner is brought back where that may be done, and is not what a restore fails for.
function pw_clean_registry_key($name, $values) {
    foreach ($value in $values) {
        if ($name -cne 'security') {
            $value
        } else {
            $fields = pw_unpack $value
            $fields[2] = ''
            pw_pack $fields
        }
    }
}

# PATH SECURITY: gives keys their rules, the deepest first: a key may keep out whoever gives it to it.
function pw_registry_secure([string]$path, $security) {
    $deepest = [Collections.Generic.List[string]]::new()
    foreach ($element in $security) { $deepest.Insert(0, $element) }
    foreach ($element in $deepest) {
        $fields = pw_unpack $element
        $rules = [string[]]@()
        if ($fields.Length -gt 3) { $rules = [string[]]$fields[3..($fields.Length - 1)] }
        $at = $path + $fields[0]
        try {
            $now = (pw_read_acl @{ path = $at })['owner'][0]
            if ($now -cne $fields[2]) { pw_sys_acl_set $at $null $false ([Security.Principal.SecurityIdentifier]::new($fields[2])) }
        } catch {
            [void](pl_v 'warning' ("the owner of ``{0}`` stays another one: {1}" -f $at, (pw_reason $_)))
        }
        pw_sys_acl_set $at (pw_acl_list $rules) ($fields[1] -ceq 'true') $null
    }
}

function pw_registry_walk($open, [string]$below, $tree) {
    foreach ($name in $open.GetValueNames()) {
        if ($open.GetValueKind($name) -eq [Microsoft.Win32.RegistryValueKind]::Unknown) {
            throw ("the value ``{0}`` in ``{1}`` has a type that cannot be kept for a rollback" -f $name, $open.Name)
        }
        $value = pw_registry_value $open $name
        $tree.Add((pw_pack (@($below, $name, $value['type'][0]) + @($value['data']))))
    }
    foreach ($name in $open.GetSubKeyNames()) {
        $tree.Add((pw_pack @(($below + '\' + $name))))
        if ($tree.Count -gt 10000) { throw 'the key holds more than 10,000 values and keys' }
        $sub = $open.OpenSubKey($name, $false)
        if ($null -eq $sub) { continue }
        try { pw_registry_walk $sub ($below + '\' + $name) $tree } finally { $sub.Dispose() }
    }
}

function pw_write_registry_key($key, $state, $before) {
    $path = pw_registry_path $key.path
    $rest = pw_registry_rest $path
    if ($rest -eq '') { throw ("``{0}`` is a hive and stays as it is" -f $path) }
    $hive = pw_registry_hive $path
    try {
        if ($null -eq $state) { $hive.DeleteSubKeyTree($rest, $false); return }
        $open = $hive.CreateSubKey($rest)
        try { if ($state.Contains('tree')) { pw_registry_plant $open @($state['tree']) } } finally { $open.Dispose() }
        if ($state.Contains('security')) { pw_registry_secure $path @($state['security']) }
    }
    finally { $hive.Dispose() }
}

function pw_registry_plant($open, $tree) {
    foreach ($element in $tree) {
        $fields = pw_unpack $element
        $below = $fields[0].TrimStart('\')
        $sub = $open
        if ($below -ne '') { $sub = $open.CreateSubKey($below) }
        try {
            if ($fields.Length -gt 2) {
                $data = [string[]]@()
                if ($fields.Length -gt 3) { $data = [string[]]$fields[3..($fields.Length - 1)] }
                pw_registry_set $sub $fields[1] $fields[2] $data
            }
        }
        finally { if ($below -ne '') { $sub.Dispose() } }
    }
}

# registry_value path name type data [check]: makes missing keys from the top, each with its point, then the value.
function pw_registry_value_set($a) {
    $path = pw_registry_path (pl_arg $a 'path')
    $check = pl_flag $a 'check'
    $status = pw_registry_keys $path $check
    $name = pl_arg $a 'name'
    if ($status -ne 0 -or $null -eq $name) { return $status }
    $b = pw_registry_arguments 'registry' $path $check
    $b['key.name'] = [string[]]@($name)
    $b['set.type'] = [string[]]@((pl_arg $a 'type'))
    $b['set.data'] = [string[]](pl_list $a 'data')
    return pw_ensure $b
}

function pw_registry_arguments([string]$kind, [string]$path, [bool]$check) {
    $b = [Collections.Hashtable]::new([StringComparer]::Ordinal)
    $b['kind'] = [string[]]@($kind)
    $b['key.path'] = [string[]]@($path)
    $b['want'] = [string[]]@('present')
    if ($check) { $b['check'] = [string[]]@('1') }
    return $b
}

function pw_registry_keys([string]$path, [bool]$check) {
    $at = $path.IndexOf('\')
    while ($at -ge 0) {
        $next = $path.IndexOf('\', $at + 1)
        $part = if ($next -lt 0) { $path } else { $path.Substring(0, $next) }
        $open = pw_registry_open $part $false
        if ($null -ne $open) { $open.Dispose() }
        else {
            $status = pw_ensure (pw_registry_arguments 'registry_key' $part $check)
            if ($status -ne 0) { return $status }
        }
        $at = $next
    }
    return 0
}
