# IIS through Microsoft.Web.Administration: what pools, sites, applications, virtual directories, bindings and
# sections have in common. A ServerManager is a picture of the configuration: each function takes a new one, and all
# attributes of a step are written by one CommitChanges(), since every write recycles the pool.

function pw_sys_iis_path {
    return [IO.Path]::Combine([Environment]::SystemDirectory, 'inetsrv', 'Microsoft.Web.Administration.dll')
}

# Whether IIS is there at all. Without it there are no pools and sites: a plan goes on, and so does a rollback that took
# the feature away.
function pw_sys_iis_there {
    return [IO.File]::Exists((pw_sys_iis_path))
}

# The object model. It lies beside IIS, where both PowerShells find it.
function pw_sys_iis {
    $path = pw_sys_iis_path
    if (-not (pw_sys_iis_there)) {
        throw 'IIS with its management tools is not installed on this host' +
            "`nhint: add ``Web-Server`` with ``win_feature`` and ``include_management_tools: true`` first"
    }
    [void][Reflection.Assembly]::LoadFrom($path)
    return [Microsoft.Web.Administration.ServerManager]::new()
}

# STATE: fails where the folder that a site, application or virtual directory is told to show is not there. What comes back
# in a rollback is as it was, whatever became of the folder.
function pw_iis_folder($state) {
    if ($script:pw_restoring -or -not $state.Contains('physicalPath')) { return }
    $path = $state['physicalPath'][0]
    if ([IO.Directory]::Exists([Environment]::ExpandEnvironmentVariables($path))) { return }
    throw "the folder ``$path`` is not there`nhint: make it first, with ``win_file``"
}

# SCHEMA VALUE: the value of an attribute as applicationHost.config writes it.
function pw_iis_text($schema, $value) {
    if ($null -eq $value) { return '' }
    switch -CaseSensitive ($schema.Type) {
        'bool' { return ([string][bool]$value).ToLowerInvariant() }
        'enum' { return $schema.GetEnumValues().GetName([long]$value) }
        'timeSpan' { return ([TimeSpan]$value).ToString('c') }
        'flags' { return pw_iis_flags $schema ([long]$value) }
    }
    return [string]$value
}

# SCHEMA BITS: names of the bits that are set, in the order of the schema.
function pw_iis_flags($schema, $bits) {
    $names = [Collections.Generic.List[string]]::new()
    foreach ($one in $schema.GetEnumValues()) {
        if ($one.Value -eq 0 -and $bits -eq 0) { return $one.Name }
        if ($one.Value -ne 0 -and ($bits -band $one.Value) -eq $one.Value) { $names.Add($one.Name) }
    }
    return [string]::Join(', ', $names)
}

# SCHEMA TEXT: the value to write.
function pw_iis_value($schema, $text) {
    $invariant = [Globalization.CultureInfo]::InvariantCulture
    switch -CaseSensitive ($schema.Type) {
        'bool' { return [bool]::Parse($text) }
        'timeSpan' { return [TimeSpan]::Parse($text, $invariant) }
        'uint' { return [long]::Parse($text, $invariant) }
        'int' { return [int]::Parse($text, $invariant) }
        'int64' { return [long]::Parse($text, $invariant) }
    }
    return $text
}

# VALUES: the form in which values are compared: IIS takes words in any case, and times in more than one spelling.
function pw_iis_clean($name, $values) {
    foreach ($value in $values) {
        $text = $value
        $time = [TimeSpan]::Zero
        if ($text -cmatch '^([0-9]+\.)?[0-9]+:[0-9]+(:[0-9]+)?$' -and [TimeSpan]::TryParse($text, [ref]$time)) {
            $text = $time.ToString('c')
        }
        if ($name -ceq 'physicalPath') {
            $text = [Environment]::ExpandEnvironmentVariables($text).Replace('/', '\')
            if ($text.Length -gt 3) { $text = $text.TrimEnd('\') }
        }
        $text.ToLowerInvariant()
    }
}

# ELEMENT PREFIX STATE SKIP: adds all attributes of an element and its children to a state, under dotted names.
# Passwords are left out.
function pw_iis_read($element, $prefix, $state, $skip) {
    foreach ($schema in $element.Schema.AttributeSchemas) {
        $name = $prefix + $schema.Name
        if ($schema.IsEncrypted -or $skip -ccontains $name) { continue }
        $state[$name] = [string[]]@(pw_iis_text $schema $element.GetAttributeValue($schema.Name))
    }
    foreach ($child in $element.Schema.ChildElementSchemas) {
        $name = $prefix + $child.Name
        if ($skip -ccontains $name) { continue }
        $inner = $element.GetChildElement($child.Name)
        if ($null -ne $child.CollectionSchema) { $state[$name] = pw_iis_rows ($inner.GetCollection()) }
        pw_iis_read $inner "$name." $state $skip
    }
}

# COLLECTION: its elements, each as one text: the value where an element has one attribute, else `name=value` for each
# that is not the default, with `;` between them.
function pw_iis_rows($collection) {
    $rows = [Collections.Generic.List[string]]::new()
    foreach ($element in $collection) {
        $words = [Collections.Generic.List[string]]::new()
        $only = @($element.Schema.AttributeSchemas).Length -eq 1
        foreach ($schema in $element.Schema.AttributeSchemas) {
            if ($schema.IsEncrypted) { continue }
            $text = pw_iis_text $schema $element.GetAttributeValue($schema.Name)
            if ($only) {
                $words.Add($text)
            } elseif (-not $element.GetAttribute($schema.Name).IsInheritedFromDefaultValue) {
                $words.Add($schema.Name + '=' + $text.Replace('%', '%25').Replace(';', '%3b'))
            }
        }
        $rows.Add([string]::Join(';', $words))
    }
    return , $rows.ToArray()
}

# COLLECTION ROWS: makes it hold these elements, in this order.
function pw_iis_set_rows($collection, $rows) {
    $collection.Clear()
    foreach ($row in $rows) {
        $element = $collection.CreateElement()
        $schemas = @($element.Schema.AttributeSchemas)
        if ($schemas.Length -eq 1) {
            $element.SetAttributeValue($schemas[0].Name, (pw_iis_value $schemas[0] $row))
        } else {
            foreach ($word in $row.Split(';')) {
                $at = $word.IndexOf('=')
                if ($at -lt 1) { throw "``$row`` is not an element: attributes are written as ``name=value``" }
                $text = $word.Substring($at + 1).Replace('%3b', ';').Replace('%25', '%')
                pw_iis_set $element $word.Substring(0, $at) @($text)
            }
        }
        [void]$collection.Add($element)
    }
}

# SCHEMAS NAME: the schema of this name, whatever its case; $null for none.
function pw_iis_schema($schemas, $name) {
    foreach ($schema in $schemas) {
        if ([string]::Equals($schema.Name, $name, [StringComparison]::OrdinalIgnoreCase)) { return $schema }
    }
    return $null
}

# ELEMENT PATH VALUES: writes the attribute or collection at a dotted path.
function pw_iis_set($element, $path, $values) {
    $at = $element
    $parts = $path.Split('.')
    for ($i = 0; $i -lt $parts.Length - 1; $i++) {
        $child = pw_iis_schema $at.Schema.ChildElementSchemas $parts[$i]
        if ($null -eq $child) { throw "there is no setting ``$path`` in ``$($element.ElementTagName)``" }
        $at = $at.GetChildElement($child.Name)
    }
    $last = $parts[$parts.Length - 1]
    $schema = pw_iis_schema $at.Schema.AttributeSchemas $last
    if ($null -eq $schema) {
        $child = pw_iis_schema $at.Schema.ChildElementSchemas $last
        if ($null -eq $child -or $null -eq $child.CollectionSchema) {
            throw "there is no setting ``$path`` in ``$($element.ElementTagName)``"
        }
        $inner = $at.GetChildElement($child.Name)
        pw_iis_set_rows ($inner.GetCollection()) $values
        return
    }
    $text = ''
    if (@($values).Length -gt 0) { $text = @($values)[0] }
    if ($script:pw_restoring -and (pw_iis_default $at $schema $text)) { return }
    try {
        $at.SetAttributeValue($schema.Name, (pw_iis_value $schema $text))
    } catch {
        throw ('`{0}` does not take the value that was given: {1}' -f $path, (pw_reason $_))
    }
}

# ELEMENT SCHEMA TEXT: for a restore: takes an attribute out where that gives it the value too, as nothing was written
# there before the run.
function pw_iis_default($element, $schema, $text) {
    if ($schema.IsRequired -or $schema.IsUniqueKey -or $schema.IsEncrypted) { return $false }
    $attribute = $element.GetAttribute($schema.Name)
    if (-not $attribute.IsInheritedFromDefaultValue) { $attribute.Delete() }
    return (pw_iis_text $schema $element.GetAttributeValue($schema.Name)) -ceq $text
}

# THING: whether a pool or site runs: `started`, `stopped`, `starting`, `stopping`, or `unknown` where nobody can tell.
function pw_iis_state($thing) {
    try {
        return ([string]$thing.State).ToLowerInvariant()
    } catch {
        return 'unknown'
    }
}

# WHAT NAME: a pool or site in a new picture of the configuration.
function pw_iis_find($what, $name) {
    if (-not (pw_sys_iis_there)) { return $null }
    $manager = pw_sys_iis
    if ($what -ceq 'pool') { return $manager.ApplicationPools[$name] }
    return $manager.Sites[$name]
}

# WHAT NAME STATE: starts or stops a pool or site, and waits until it is so. A new one is not known to the activation
# service at once (0x800710D8), so it is tried again for a while.
function pw_iis_bring($what, $name, $wanted) {
    $limit = [DateTime]::UtcNow.AddSeconds(60)
    $problem = ''
    while ($true) {
        $thing = pw_iis_find $what $name
        if ($null -eq $thing) { throw "the $what ``$name`` is not there" }
        $state = pw_iis_state $thing
        if ($state -ceq $wanted) { return }
        if ([DateTime]::UtcNow -gt $limit) {
            $words = 'the {0} `{1}` is {2} and not {3} after 60 s {4}'
            throw ($words -f $what, $name, $state, $wanted, $problem).TrimEnd()
        }
        try {
            if ($wanted -ceq 'started' -and $state -cne 'starting') { [void]$thing.Start() }
            if ($wanted -ceq 'stopped' -and $state -cne 'stopping') { [void]$thing.Stop() }
        } catch {
            $problem = '(' + (pw_reason $_) + ')'
        }
        [Threading.Thread]::Sleep(200)
    }
}
