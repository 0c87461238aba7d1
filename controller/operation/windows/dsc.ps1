# Resources of Desired State Configuration, one at a time, with Invoke-DscResource of Windows PowerShell 5.1, as the resources
# are modules of PowerShell (learn.microsoft.com/powershell/module/psdesiredstateconfiguration). Values come as data, and
# get the types that the resource names. What a resource does nobody here can undo.

$script:pw_dsc_namespace = 'root/Microsoft/Windows/DesiredStateConfiguration'

# NAME VERSION: a resource: `name`, `module`, `version`, and `properties` with Name, PropertyType, IsMandatory and Values.
function pw_sys_dsc_resource($name, $version) {
    if ($null -eq $ExecutionContext.InvokeCommand.GetCommand('Invoke-DscResource', 'All')) {
        throw 'this session has no `Invoke-DscResource`: PowerShell 7 came without it' +
            "`nhint: connect with ``ansible_shell_type: powershell`` to Windows PowerShell 5.1, or use ``win_powershell``"
    }
    $best = $null
    $known = [Collections.Generic.List[string]]::new()
    foreach ($one in (Get-DscResource -Name $name -ErrorAction 'SilentlyContinue')) {
        $known.Add([string]$one.Version)
        if ($null -ne $version -and [string]$one.Version -cne $version) { continue }
        if ($null -eq $best -or $one.Version -gt $best.Version) { $best = $one }
    }
    if ($null -eq $best -and $known.Count -gt 0) {
        throw ('the resource `{0}` is there as {1}, and not as {2}' -f $name, [string]::Join(', ', $known), $version)
    }
    if ($null -eq $best) {
        throw "this host has no resource ``$name```nhint: ``win_psmodule`` installs the module that has it"
    }
    if ([string]$best.ImplementedAs -eq 'Composite') {
        throw "``$name`` is a composite resource, which works in configurations only`nhint: name the resources that it is made of"
    }
    $module = 'PSDesiredStateConfiguration'
    $shown = ''
    if ($null -ne $best.Module) {
        $shown = [string]$best.Module.Version
        $module = @{ ModuleName = [string]$best.Module.Name; ModuleVersion = $shown }
    }
    return @{ name = [string]$best.Name; module = $module; version = $shown; properties = @($best.Properties) }
}

# RESOURCE METHOD VALUES: what `Test` or `Set` answers.
function pw_sys_dsc_invoke($resource, $method, $values) {
    $options = @{ Name = $resource.name; ModuleName = $resource.module; Method = $method; Property = $values }
    $options['WarningAction'] = 'SilentlyContinue'
    try {
        return Invoke-DscResource @options
    } catch {
        throw ('the resource `{0}` failed to {1}: {2}' -f $resource.name, $method.ToLowerInvariant(), (pw_reason $_))
    }
}

# CLASS VALUES: an instance of a class that belongs to a resource, typed by what the class says. The engine knows the class
# from the moment on that the resource was loaded.
function pw_sys_dsc_instance($class, $values) {
    $session = [Microsoft.Management.Infrastructure.CimSession]::Create($null)
    try {
        $schema = @{}
        foreach ($one in $session.GetClass($script:pw_dsc_namespace, $class).CimClassProperties) {
            $schema[$one.Name] = $one
        }
    } finally {
        $session.Dispose()
    }
    $made = [Microsoft.Management.Infrastructure.CimInstance]::new($class)
    foreach ($name in $values.Keys) {
        if (-not $schema.ContainsKey($name)) { throw "the class ``$class`` has no property ``$name``" }
        $type = $schema[$name].CimType
        $text = [string]$type
        if (@('Instance', 'InstanceArray', 'Reference', 'ReferenceArray') -ccontains $text) {
            throw "the property ``$name`` of ``$class`` holds a further class`nhint: use ``win_powershell`` for it"
        }
        $inner = $text.Replace('Array', '')
        $inner = $inner.Replace('SInt', 'Int').Replace('Real32', 'Single').Replace('Real64', 'Double').Replace('Char16', 'Char')
        if ($text.EndsWith('Array')) { $inner += '[]' }
        $value = pw_dsc_typed "[$inner]" $values[$name] $name
        $flags = [Microsoft.Management.Infrastructure.CimFlags]::None
        $property = [Microsoft.Management.Infrastructure.CimProperty]::Create($schema[$name].Name, $value, $type, $flags)
        $made.CimInstanceProperties.Add($property)
    }
    return $made
}

# PAIRS: names and texts as the class for them.
function pw_sys_dsc_pairs($pairs) {
    $made = [Collections.Generic.List[object]]::new()
    foreach ($name in $pairs.Keys) {
        $one = [Microsoft.Management.Infrastructure.CimInstance]::new('MSFT_KeyValuePair')
        $flags = [Microsoft.Management.Infrastructure.CimFlags]::None
        $type = [Microsoft.Management.Infrastructure.CimType]::String
        foreach ($pair in @(@('Key', $name), @('Value', [string]$pairs[$name]))) {
            $property = [Microsoft.Management.Infrastructure.CimProperty]::Create($pair[0], $pair[1], $type, $flags)
            $one.CimInstanceProperties.Add($property)
        }
        $made.Add($one)
    }
    return , [Microsoft.Management.Infrastructure.CimInstance[]]$made.ToArray()
}

# WORD: a value as it travels: `t` and text, `l` and packed values, `m` and packed names and values.
function pw_dsc_value($word) {
    $rest = $word.Substring(1)
    if ($word[0] -ceq 't') { return $rest }
    $parts = pw_unpack $rest
    if ($word[0] -ceq 'l') {
        $list = [Collections.Generic.List[object]]::new()
        foreach ($part in $parts) { $list.Add((pw_dsc_value $part)) }
        return , $list.ToArray()
    }
    $map = [ordered]@{}
    for ($i = 0; $i -lt $parts.Length; $i += 2) { $map[$parts[$i]] = pw_dsc_value $parts[$i + 1] }
    return $map
}

# TYPE TEXT NAME: a text as the type of a property, by its name between brackets.
function pw_dsc_scalar($type, $value, $name) {
    if ($value -isnot [string]) { throw "``$name`` is one value of type ``$type``" }
    $culture = [Globalization.CultureInfo]::InvariantCulture
    try {
        switch ($type) {
            'string' { return $value }
            'bool' { return pw_dsc_truth $value }
            'boolean' { return pw_dsc_truth $value }
            'char' { return [char]::Parse($value) }
            'datetime' { return [DateTime]::Parse($value, $culture) }
            'sbyte' { return [sbyte]::Parse($value, $culture) }
            'int8' { return [sbyte]::Parse($value, $culture) }
            'byte' { return [byte]::Parse($value, $culture) }
            'uint8' { return [byte]::Parse($value, $culture) }
            'int16' { return [int16]::Parse($value, $culture) }
            'uint16' { return [uint16]::Parse($value, $culture) }
            'int' { return [int]::Parse($value, $culture) }
            'int32' { return [int]::Parse($value, $culture) }
            'uint32' { return [uint32]::Parse($value, $culture) }
            'int64' { return [long]::Parse($value, $culture) }
            'uint64' { return [uint64]::Parse($value, $culture) }
            'single' { return [single]::Parse($value, $culture) }
            'float' { return [single]::Parse($value, $culture) }
            'double' { return [double]::Parse($value, $culture) }
        }
    } catch {
        throw "``$value`` of ``$name`` is no ``$type``"
    }
    throw "the property ``$name`` is of type ``$type``, which cannot be given here`nhint: use ``win_powershell`` for it"
}

function pw_dsc_truth($value) {
    if (@('true', 'yes', 'on', '1') -contains $value) { return $true }
    if (@('false', 'no', 'off', '0') -contains $value) { return $false }
    throw 'neither true nor false'
}

# TYPE VALUE NAME: a value as `[TYPE]` or `[TYPE[]]`. One text for a list is a list of one.
function pw_dsc_typed($type, $value, $name) {
    $inner = $type.Trim('[', ']')
    if ($inner -eq 'HashTable') {
        if ($value -isnot [Collections.IDictionary]) { throw "``$name`` is a mapping" }
        return , (pw_sys_dsc_pairs $value)
    }
    $list = $type.EndsWith('[]]')
    $class = $inner -match '^[A-Za-z0-9]+_[A-Za-z0-9_]+$'
    $made = [Collections.Generic.List[object]]::new()
    $values = @(, $value)
    if ($list -and $value -is [array]) { $values = $value }
    foreach ($one in $values) {
        if ($class) {
            if ($one -isnot [Collections.IDictionary]) { throw "``$name`` is of the class ``$inner``: a mapping" }
            $made.Add((pw_sys_dsc_instance $inner $one))
        } else {
            $made.Add((pw_dsc_scalar $inner $one $name))
        }
    }
    if (-not $list) { return $made[0] }
    if ($class) { return , [Microsoft.Management.Infrastructure.CimInstance[]]$made.ToArray() }
    if ($inner -eq 'string') { return , [string[]]$made.ToArray() }
    return , $made.ToArray()
}

# ARGUMENTS RESOURCE: what the resource is told: each of its properties that the task names.
function pw_dsc_properties($a, $resource) {
    $given = pw_below $a 'set.'
    $secrets = pw_below $a 'secret.'
    $open = [Collections.Generic.Dictionary[string, string]]::new([StringComparer]::OrdinalIgnoreCase)
    foreach ($name in $given.Keys) { $open[$name] = $given[$name][0] }
    $hidden = [Collections.Generic.Dictionary[string, string]]::new([StringComparer]::OrdinalIgnoreCase)
    foreach ($name in $secrets.Keys) { $hidden[$name] = $secrets[$name][0] }
    $values = @{}
    $names = [Collections.Generic.List[string]]::new()
    foreach ($property in $resource.properties) {
        $name = [string]$property.Name
        $names.Add("``$name``")
        if ([string]$property.PropertyType -eq '[PSCredential]') {
            $user = "${name}_username"
            if ($open.ContainsKey($user) -and $hidden.ContainsKey($name)) {
                $values[$name] = pw_credential (pw_dsc_value $open[$user]) $hidden[$name]
                [void]$open.Remove($user)
                [void]$hidden.Remove($name)
            }
        } else {
            $said = $name
            if ($name -eq 'Name' -and $open.ContainsKey('item_name')) { $said = 'item_name' }
            if ($open.ContainsKey($said)) {
                $values[$name] = pw_dsc_typed ([string]$property.PropertyType) (pw_dsc_value $open[$said]) $name
                pw_dsc_allowed $property $values[$name]
                [void]$open.Remove($said)
            }
        }
        if ($property.IsMandatory -and -not $values.ContainsKey($name)) {
            throw "the resource ``$($resource.name)`` needs ``$name``"
        }
    }
    foreach ($name in (@($open.Keys) + @($hidden.Keys))) {
        throw ('the resource `{0}` has no property `{1}`' -f $resource.name, $name) +
            ("`nhint: it has {0}; a login is NAME_username and NAME_password" -f [string]::Join(', ', $names))
    }
    return $values
}

# PROPERTY VALUE: fails unless it is one of the values that the property names.
function pw_dsc_allowed($property, $value) {
    $allowed = [string[]]@($property.Values)
    if ($allowed.Length -eq 0 -or $value -isnot [string] -or $allowed -contains $value) { return }
    throw ("``{0}`` is no ``{1}```nhint: one of {2}" -f $value, $property.Name, [string]::Join(', ', $allowed))
}

# resource version set.* secret.* check: asks whether the host is so, and if not, makes it so. Reports `changed`, `reboot`,
# `module_version`.
function pw_dsc($a) {
    $script:pw_call = $a
    $resource = pw_sys_dsc_resource (pl_arg $a 'resource') (pl_arg $a 'version')
    [void](pl_v 'module_version' $resource.version)
    $values = pw_dsc_properties $a $resource
    $tested = pw_sys_dsc_invoke $resource 'Test' $values
    if ($tested.InDesiredState) { return 0 }
    [void](pl_v 'changed' '1')
    if (pl_flag $a 'check') { return 0 }
    $done = pw_sys_dsc_invoke $resource 'Set' $values
    if ($done.RebootRequired) {
        [void](pl_v 'reboot' '1')
        return 0
    }
    $tested = pw_sys_dsc_invoke $resource 'Test' $values
    if (-not $tested.InDesiredState) {
        $words = 'the resource `{0}` says that the host is not as it should be after it was set: another run will set it again'
        [void](pl_v 'warning' ($words -f $resource.name))
    }
    return 0
}
