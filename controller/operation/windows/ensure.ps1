# The uniform operation: a thing of a kind, told from others by its key, has these attributes or is not there. It is
# read and compared attribute by attribute; only what differs is written, after a rollback point was saved.
#
# A kind K is made of functions in a file of its own:
#   pw_read_K KEY                    its attributes, each a list of text, or $null; `.name` can only be read
#   pw_write_K KEY STATE BEFORE      makes these attributes so; STATE $null removes it, BEFORE $null creates it
#   pw_clean_K NAME VALUES           optional: the form in which values are compared
#   pw_expand_K NAME VALUES          optional: what a value of a list that is asked for stands for
#   pw_secrets_K KEY                 optional: secrets that Windows tells an administrator, by name
#   pw_secret_is_K KEY NAME VALUE    optional: whether a secret has this value
#   pw_activate_K KEY ACTION         optional: restarts it, recycles it; $script:pw_along is stopped and started with it
#   pw_along_K KEY                   optional: the names of what runs now and is stopped and started with it
#   pw_list_K                        optional: the keys of all things of the kind
#   pw_key_K KEY                     optional: the key by which Windows knows it, where the call may have another name
#   pw_touches_K                     optional: attributes that change with every other one, and come back with it
# What a kind needs beyond that it finds in the arguments of the call, in $script:pw_call.

$script:pw_call = @{}
# The parts of keys that come first.
$script:pw_key_order = @('location', 'store', 'site', 'application', 'path', 'name', 'protocol', 'ip', 'port', 'host')

# KIND: fails unless it is one.
function pw_known_kind($kind) {
    if ($kind -cnotmatch '^[a-z_]+$' -or -not (pw_has "pw_read_$kind")) {
        throw "there are no things of kind ``$kind``"
    }
}

# NAME: whether the library has this function.
function pw_has($name) {
    return $ExecutionContext.SessionState.InvokeProvider.Item.Exists("function:$name")
}

# ARGUMENTS PREFIX: the arguments below a prefix, without it, sorted: those of a call come in no order.
function pw_below($a, $prefix) {
    $names = [Collections.Generic.List[string]]::new()
    foreach ($name in $a.Keys) {
        if ($name.StartsWith($prefix, [StringComparison]::Ordinal)) { $names.Add($name.Substring($prefix.Length)) }
    }
    $names.Sort([StringComparer]::Ordinal)
    $below = [ordered]@{}
    foreach ($name in $names) { $below[$name] = [string[]]$a[$prefix + $name] }
    return $below
}

# ARGUMENTS: the key of the thing: name -> text, always in the same order, as the name of a point is made of it.
function pw_key($a) {
    $key = [ordered]@{}
    $below = pw_below $a 'key.'
    foreach ($name in ($script:pw_key_order + @($below.Keys))) {
        if ($below.Contains($name) -and -not $key.Contains($name)) { $key[$name] = $below[$name][0] }
    }
    return $key
}

# KIND KEY: the key by which Windows knows the thing.
function pw_real_key($kind, $key) {
    if (-not (pw_has "pw_key_$kind")) { return $key }
    return & "pw_key_$kind" $key
}

# KIND NAME VALUES: the form in which values are compared.
function pw_clean($kind, $name, $values) {
    if (-not (pw_has "pw_clean_$kind")) { return , [string[]]@($values) }
    return , [string[]]@(& "pw_clean_$kind" $name ([string[]]@($values)))
}

# KIND NAME ONE OTHER: whether two values of an attribute mean the same.
function pw_same($kind, $name, $one, $other) {
    $left = pw_clean $kind $name $one
    $right = pw_clean $kind $name $other
    if ($left.Length -ne $right.Length) { return $false }
    for ($i = 0; $i -lt $left.Length; $i++) {
        if ($left[$i] -cne $right[$i]) { return $false }
    }
    return $true
}

# SIDE STATE: reports a state, but for secrets. A call that follows another one in its step is `quiet`.
function pw_tell($side, $state) {
    if (pl_flag $script:pw_call 'quiet') { return }
    if ($null -eq $state) {
        [void](pl_v "${side}_exists" '0')
        return
    }
    [void](pl_v "${side}_exists" '1')
    foreach ($name in $state.Keys) {
        if (-not $name.StartsWith('secret.')) { [void](pl_v "$side.$name" (pw_pack $state[$name])) }
    }
}

# KIND KEY STATE: the state with the secrets that Windows tells.
function pw_with_secrets($kind, $key, $state) {
    if ($null -eq $state -or -not (pw_has "pw_secrets_$kind")) { return $state }
    $all = [ordered]@{}
    foreach ($name in $state.Keys) { $all[$name] = $state[$name] }
    $secrets = & "pw_secrets_$kind" $key
    foreach ($name in $secrets.Keys) { $all["secret.$name"] = [string[]]@($secrets[$name]) }
    return $all
}

# KIND ATTRIBUTES: the attributes with what their values stand for.
function pw_expanded($kind, $attributes) {
    if (-not (pw_has "pw_expand_$kind")) { return $attributes }
    $all = [ordered]@{}
    foreach ($name in $attributes.Keys) {
        $all[$name] = [string[]]@(& "pw_expand_$kind" $name $attributes[$name])
    }
    return $all
}

# ARGUMENTS KIND BEFORE: the attributes as they have to be, as far as the call says.
function pw_wanted($a, $kind, $before) {
    $wanted = pw_expanded $kind (pw_below $a 'set.')
    if ($null -eq $before) { $wanted = pw_merged $wanted (pw_below $a 'new.') }
    $like = pw_below $a 'like.'
    foreach ($name in $like.Keys) {
        if ($null -ne $before -and $like[$name] -ccontains $before[$name][0]) { [void]$wanted.Remove($name) }
    }
    $more = pw_expanded $kind (pw_below $a 'add.')
    $less = pw_expanded $kind (pw_below $a 'remove.')
    foreach ($name in (@($more.Keys) + @($less.Keys))) {
        $list = [Collections.Generic.List[string]]::new()
        $known = [Collections.Generic.HashSet[string]]::new()
        if ($less.Contains($name)) {
            foreach ($value in $less[$name]) { [void]$known.Add((pw_clean $kind $name @($value))[0]) }
        }
        $old = [string[]]@()
        if ($wanted.Contains($name)) {
            $old = $wanted[$name]
        } elseif ($null -ne $before -and $before.Contains($name)) {
            $old = $before[$name]
        }
        foreach ($value in $old) {
            if ($known.Add((pw_clean $kind $name @($value))[0])) { $list.Add($value) }
        }
        if ($more.Contains($name)) {
            foreach ($value in $more[$name]) {
                if ($known.Add((pw_clean $kind $name @($value))[0])) { $list.Add($value) }
            }
        }
        $wanted[$name] = $list.ToArray()
    }
    return $wanted
}

# WANTED BEFORE: BEFORE with all of WANTED in it: what a run would leave.
function pw_merged($wanted, $before) {
    $all = [ordered]@{}
    if ($null -ne $before) {
        foreach ($name in $before.Keys) { $all[$name] = $before[$name] }
    }
    foreach ($name in $wanted.Keys) { $all[$name] = $wanted[$name] }
    return $all
}

# ARGUMENTS KIND KEY BEFORE WRITE: the secrets that have to be written. One that Windows does not tell is written every
# time, unless the call says `keep_secret`, the thing is there, and WRITE gives it no other account.
function pw_secrets_to_write($a, $kind, $key, $before, $write_too) {
    $write = [ordered]@{}
    $wanted = pw_below $a 'secret.'
    foreach ($name in $wanted.Keys) {
        $known = "secret.$name"
        if ($null -ne $before) {
            if ($before.Contains($known) -and $before[$known][0] -ceq $wanted[$name][0]) { continue }
            $asked = "pw_secret_is_$kind"
            if ((pw_has $asked) -and (& $asked $key $name $wanted[$name][0])) { continue }
            if ((pl_flag $a 'keep_secret') -and -not $write_too.Contains('username')) { continue }
        }
        $write[$known] = $wanted[$name]
    }
    return $write
}

# kind key.* want set.* new.* like.* add.* remove.* secret.* check: see above; `new.` is for things that are not there
# yet, `like.` has values that do as well as the one in `set.`.
function pw_ensure($a) {
# A restore may run tasks of the user.
    $script:pw_restoring = $false
    $kind = pl_arg $a 'kind'
    pw_known_kind $kind
    $script:pw_call = $a
    $key = pw_real_key $kind (pw_key $a)
    $before = & "pw_read_$kind" $key
    pw_tell 'before' $before
    if ((pl_arg $a 'want') -ceq 'absent') { return pw_ensure_absent $a $kind $key $before }
    $must = (pl_flag $a 'must_exist') -and -not (pl_flag $a 'check')
    if ($null -eq $before -and $must) { throw ((pw_point_text $kind $key) + ' is not there') }
    $saved = pw_with_secrets $kind $key $before
    $wanted = pw_wanted $a $kind $before
    $write = $wanted
    if ($null -ne $before) { $write = pw_state_part $wanted (pw_differing $kind $wanted $before) }
    $secrets = pw_secrets_to_write $a $kind $key $saved $write
    foreach ($name in $secrets.Keys) { $write[$name] = $secrets[$name] }
    if ($null -ne $before -and $write.Count -eq 0) {
        pw_tell 'after' $before
        return 0
    }
    [void](pl_v 'changed' '1')
    if (pl_flag $a 'check') {
        pw_tell 'after' (pw_merged $wanted $before)
        return 0
    }
    $touched = [string[]]@($write.Keys)
    if (pw_has "pw_touches_$kind") { $touched = [string[]](@($touched) + @(& "pw_touches_$kind")) }
    if ($null -eq $before) { $touched = [string[]]@('*') }
    $number = pw_point_save $kind $key $saved $touched
    [void](& "pw_write_$kind" $key $write $before)
    $after = & "pw_read_$kind" $key
    pw_tell 'after' $after
    if ($null -eq $after) { throw ((pw_point_text $kind $key) + ' is not there after it was made') }
    pw_point_after $number $after
    pw_as_wanted $kind $key (pw_wanted $a $kind $after) $after
    return 0
}

# KIND KEY WANTED AFTER: fails where an attribute did not become what was written: another run would write it again.
function pw_as_wanted($kind, $key, $wanted, $after) {
    $wrong = pw_differing $kind $wanted $after
    if ($wrong.Length -eq 0) { return }
    $name = $wrong[0]
    $got = 'not there'
    if ($after.Contains($name)) { $got = '`' + [string]::Join(', ', [string[]]$after[$name]) + '`' }
    $text = pw_point_text $kind $key
    throw ('{0}: `{1}` is {2} after `{3}` was written' -f $text, $name, $got, [string]::Join(', ', $wanted[$name]))
}

# ARGUMENTS KIND KEY BEFORE: makes it go.
function pw_ensure_absent($a, $kind, $key, $before) {
    if ($null -eq $before) {
        pw_tell 'after' $null
        return 0
    }
    [void](pl_v 'changed' '1')
    if (pl_flag $a 'check') {
        pw_tell 'after' $null
        return 0
    }
    $number = pw_point_save $kind $key (pw_with_secrets $kind $key $before) @('*')
    [void](& "pw_write_$kind" $key $null $before)
    $after = & "pw_read_$kind" $key
    pw_tell 'after' $after
    if ($null -ne $after) { throw ((pw_point_text $kind $key) + ' is still there after it was removed') }
    pw_point_after $number $null
    return 0
}

# kind key.*: reports one thing; without a key, all of the kind, one value `item` each.
function pw_probe($a) {
    $kind = pl_arg $a 'kind'
    pw_known_kind $kind
    $script:pw_call = $a
    $key = pw_key $a
    if ($key.Count -gt 0) {
        pw_tell 'before' (& "pw_read_$kind" $key)
        return 0
    }
    foreach ($one in (& "pw_list_$kind")) {
        $state = & "pw_read_$kind" $one
        if ($null -eq $state) { continue }
        $words = [Collections.Generic.List[string]]::new()
        foreach ($name in $one.Keys) { $words.Add("$name=" + (pw_pack $one[$name])) }
        foreach ($name in $state.Keys) { $words.Add("$name=" + (pw_pack $state[$name])) }
        [void](pl_v 'item' ([string]::Join(' ', $words)))
    }
    return 0
}

# Names of what is stopped and started with the thing that is activated.
$script:pw_along = [string[]]@()

# KIND KEY: these names, as things run now.
function pw_activated_along($kind, $key) {
    if (-not (pw_has "pw_along_$kind")) { return , [string[]]@() }
    return , [string[]]@(& "pw_along_$kind" $key)
}

# KIND KEY BEFORE: a restart starts what did not run: that is a change, and a rollback stops it again.
function pw_activation_state($kind, $key, $before) {
    if ($script:pw_running_kinds -cnotcontains $kind -or -not $before.Contains('state')) { return }
    if (@('running', 'started') -ccontains $before['state'][0]) { return }
    [void](pw_point_save $kind $key $before @('state'))
}

# kind key.* action check: restarts, recycles, resets it. A rollback repeats that when everything is back. A step that was
# cut off within it may be sent again.
function pw_activate($a) {
    $kind = pl_arg $a 'kind'
    $action = pl_arg $a 'action'
    pw_known_kind $kind
    if (-not (pw_has "pw_activate_$kind")) { throw "things of kind ``$kind`` cannot be told to ``$action``" }
    $script:pw_call = $a
    $key = pw_real_key $kind (pw_key $a)
    $before = & "pw_read_$kind" $key
    if (-not (pl_flag $a 'check') -and $null -eq $before) {
        throw ((pw_point_text $kind $key) + ' is not there')
    }
    [void](pl_v 'changed' '1')
    if (pl_flag $a 'check') { return 0 }
    $script:pw_along = pw_activated_along $kind $key
    $cut = pw_activation_cut $kind $key $action
    if ($cut -eq 0) {
        pw_activation_state $kind $key $before
        [void](pw_point_activation $kind $key $action $script:pw_along)
    } else {
        # What an attempt that was cut off has stopped already does not run now, and has to run again all the same.
        $read = pw_manifest (pw_point_path $cut '')
        $all = [Collections.Generic.List[string]]::new($script:pw_along)
        foreach ($name in $read.attr['along']) {
            if (-not $all.Contains($name)) { $all.Add($name) }
        }
        $script:pw_along = $all.ToArray()
        [void](pl_v 'point' "$cut activation $($read.text)")
    }
    [void](& "pw_activate_$kind" $key $action)
    pw_tell 'after' (& "pw_read_$kind" $key)
    return 0
}
