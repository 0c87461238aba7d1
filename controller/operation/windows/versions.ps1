# What installs along with something else: packages and modules come with others that they need. A point of such a kind
# holds all names with their versions, and a rollback undoes what the run changed of them, name by name, however many
# there were; what somebody else installed meanwhile stays. A kind K has
#   pw_installed_K                    the installed versions, `NAME|VERSION`, sorted
#   pw_bring_K MANIFEST NAME CAME GONE   removes the versions CAME and brings GONE back

# LINES: versions by name. Names are compared in small letters.
function pw_versions($lines) {
    $all = @{}
    foreach ($line in $lines) {
        $parts = $line.Split('|')
        $name = $parts[0].ToLowerInvariant()
        if (-not $all.ContainsKey($name)) { $all[$name] = [Collections.Generic.List[string]]::new() }
        $all[$name].Add($parts[1])
    }
    return $all
}

# VERSIONS NAME: those of one name, sorted.
function pw_versions_of($all, $name) {
    if (-not $all.ContainsKey($name)) { return , [string[]]@() }
    $list = [Collections.Generic.List[string]]::new($all[$name])
    $list.Sort([StringComparer]::Ordinal)
    return , $list.ToArray()
}

# ONE OTHER: what ONE has and OTHER has not.
function pw_versions_without($one, $other) {
    $list = [Collections.Generic.List[string]]::new()
    foreach ($value in $one) {
        if ($other -cnotcontains $value) { $list.Add($value) }
    }
    return , $list.ToArray()
}

# NUMBER MANIFEST FORCE: undoes what the run changed.
function pw_undo_versions($number, $read, $force) {
    $kind = $read.kind
    $saved = pw_versions $read.attr['installed']
    $now = pw_versions (& "pw_installed_$kind")
    $left = $now
    $after = pw_after $number
    if ($null -ne $after) { $left = pw_versions $after.attr['installed'] }
    $names = [Collections.Generic.List[string]]::new()
    foreach ($name in (@($saved.Keys) + @($left.Keys))) {
        if ($names.Contains($name)) { continue }
        $old = [string]::Join('|', (pw_versions_of $saved $name))
        $mine = [string]::Join('|', (pw_versions_of $left $name))
        $is = [string]::Join('|', (pw_versions_of $now $name))
        if ($old -ceq $mine -or $old -ceq $is) { continue }
        if (-not $force -and $is -cne $mine) {
            throw "$($read.text): ``$name`` was changed after the run" +
                "`nhint: look at it, then roll back again with ``--force``"
        }
        $names.Add($name)
    }
    pw_versions_rounds $read $names $saved $now
}

# MANIFEST NAMES SAVED NOW: one after the other, and again those that others still needed, as long as there is progress.
function pw_versions_rounds($read, $names, $saved, $now) {
    $kind = $read.kind
    $names.Sort([StringComparer]::Ordinal)
    while ($names.Count -gt 0) {
        $rest = [Collections.Generic.List[string]]::new()
        $problem = $null
        foreach ($name in $names) {
            $old = pw_versions_of $saved $name
            $is = pw_versions_of $now $name
            try {
                [void](& "pw_bring_$kind" $read $name (pw_versions_without $is $old) (pw_versions_without $old $is))
            } catch {
                $problem = $_
                $rest.Add($name)
            }
        }
        if ($rest.Count -eq $names.Count) { throw $problem }
        $names = $rest
        if ($rest.Count -gt 0) { $now = pw_versions (& "pw_installed_$kind") }
    }
    $got = pw_versions (& "pw_installed_$kind")
    foreach ($name in $saved.Keys) {
        if (-not $got.ContainsKey($name)) { throw "$($read.text): ``$name`` did not come back" }
    }
}

# KIND KEY ATTRIBUTES: a point with all that is installed. Returns its number.
function pw_versions_point($kind, $key, $state) {
    return pw_point_save $kind $key $state @('installed')
}
