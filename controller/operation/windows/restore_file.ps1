# Restores points of files and folders.

# NUMBER MANIFEST FORCE: brings a path back, if it still is what the run left of it.
function pw_undo_file($number, $read, $force) {
    $path = $read.word['path'][0]
    $how = $read.word['how'][0]
    switch -CaseSensitive ($how) {
        'absent' { pw_undo_absent $number $read $force }
        'made' { pw_undo_made $number $read $force }
        'folders' { pw_undo_folders $path $read.word['temporary'][0] }
        'replace' { pw_undo_kept $number $read $force }
        'take' { pw_undo_kept $number $read $force }
        'copy' { pw_undo_copy $number $read $force }
        'attributes' {
            if ((pw_path_kind $path) -cne 'absent') { pw_undo_attributes $path $read }
        }
        'times' {
            if ((pw_path_kind $path) -cne 'absent') { pw_undo_times $path $read }
        }
        default { throw "rollback point $number keeps ``$path`` in a way that is not known: ``$how``" }
    }
    if ($how -cne 'folders' -and $read.word.ContainsKey('temporary')) {
        $temporary = $read.word['temporary'][0]
        if ([IO.File]::Exists($temporary)) { [IO.File]::Delete($temporary) }
    }
}

# NUMBER MANIFEST: what the run made of the path, or empty where nobody knows.
function pw_made($number, $read) {
    $after = pw_after $number
    if ($null -ne $after -and $after.word.ContainsKey('mark')) { return $after.word['mark'][0] }
    if ($read.word.ContainsKey('made')) { return $read.word['made'][0] }
    return ''
}

# NUMBER MANIFEST FORCE: whether the path may go, because it is what the run made. With force it is put aside instead.
function pw_clear($number, $read, $force) {
    $path = $read.word['path'][0]
    if ((pw_path_kind $path) -ceq 'absent') { return }
    $made = pw_made $number $read
    if ($made -cne '' -and $made -cne (pw_path_mark $path)) {
        if (-not $force) {
            throw "``$path`` was changed after the run`nhint: look at it, then roll back again with ``--force``"
        }
        pw_aside $path $number
        return
    }
    pw_delete $path
}

# PATH NUMBER: moves away what is newer than a point, and says where it is.
function pw_aside($path, $number) {
    $aside = "$path.paceline-$number"
    for ($try = 1; (pw_path_kind $aside) -cne 'absent'; $try++) { $aside = "$path.paceline-$number-$try" }
    pw_move $path $aside
    [void](pl_v 'replaced' $aside)
}

# PATH: deletes a file, a link, or a folder with nothing in it.
function pw_delete($path) {
    $attributes = [IO.File]::GetAttributes($path)
    if (($attributes -band [IO.FileAttributes]::ReadOnly) -ne 0) {
        $writable = [int]$attributes -bxor [int][IO.FileAttributes]::ReadOnly
        [IO.File]::SetAttributes($path, [IO.FileAttributes]$writable)
    }
    if (($attributes -band [IO.FileAttributes]::Directory) -ne 0) {
        [IO.Directory]::Delete($path, $false)
    } else {
        [IO.File]::Delete($path)
    }
}

# NUMBER MANIFEST FORCE: it was not there.
function pw_undo_absent($number, $read, $force) {
    $path = $read.word['path'][0]
    if ((pw_path_kind $path) -ceq 'directory') {
        if ([IO.Directory]::GetFileSystemEntries($path).Length -eq 0) {
            pw_delete $path
        } elseif ($force) {
            pw_aside $path $number
        } else {
            throw "``$path`` holds what the run did not make`nhint: look at it, then roll back again with ``--force``"
        }
        return
    }
    pw_clear $number $read $force
}

# LOWEST HIGHEST: folders that the run made, removed from the lowest to the highest one, if nothing is in them.
function pw_undo_folders($lowest, $highest) {
    $path = $lowest
    while ($path.Length -ge $highest.Length) {
        if ([IO.Directory]::Exists($path)) {
            if ([IO.Directory]::GetFileSystemEntries($path).Length -gt 0) {
                throw "``$path`` holds what the run did not make`nhint: move it away, then roll back again"
            }
            pw_delete $path
        }
        $path = [IO.Path]::GetDirectoryName($path)
    }
}

# NUMBER MANIFEST FORCE: what was moved away comes back under its name. Where nothing is kept the change never
# happened, or it came back before.
function pw_undo_kept($number, $read, $force) {
    $path = $read.word['path'][0]
    $kept = $read.word['kept'][0]
    if ((pw_path_kind $kept) -ceq 'absent') { return }
    pw_clear $number $read $force
    pw_move $kept $path
    [IO.File]::SetAttributes($path, [IO.FileAttributes][int]$read.word['attributes'][0])
}

# NUMBER MANIFEST FORCE: a copy of what was edited in place comes back. The new file gets a name beside it first, so
# that one or the other is there at any time.
function pw_undo_copy($number, $read, $force) {
    $path = $read.word['path'][0]
    $kept = $read.word['kept'][0]
    $made = pw_made $number $read
    $mark = pw_path_mark $path
    if ($mark -ceq (pw_path_mark $kept) -and $mark -cne 'directory') {
        pw_undo_attributes $path $read
        pw_undo_times $path $read
        return
    }
    if (-not $force -and $made -cne '' -and $made -cne $mark) {
        throw "``$path`` was changed after the run`nhint: look at it, then roll back again with ``--force``"
    }
    $beside = [IO.Path]::Combine([IO.Path]::GetDirectoryName($path), ".paceline-back-$number")
    if ((pw_path_kind $beside) -cne 'absent') { pw_remove_tree $beside }
    pw_copy_tree $kept $beside
    $gone = [IO.Path]::Combine([IO.Path]::GetDirectoryName($path), ".paceline-gone-$number")
    if ($force -and $made -cne '' -and $made -cne $mark) {
        pw_aside $path $number
    } elseif ($mark -cne 'absent') {
        pw_move $path $gone
    }
    pw_move $beside $path
    pw_undo_attributes $path $read
    pw_undo_times $path $read
    if ((pw_path_kind $gone) -cne 'absent') { pw_remove_tree $gone }
}

# PATH: removes a tree that is ours. Links in it are removed, never followed.
function pw_remove_tree($path) {
    if ((pw_path_kind $path) -ceq 'directory') {
        foreach ($entry in [IO.Directory]::GetFileSystemEntries($path)) { pw_remove_tree $entry }
    }
    pw_delete $path
}

# PATH MANIFEST: owner, access list and attributes.
function pw_undo_attributes($path, $read) {
    pw_sys_set_sddl $path $read.word['sddl'][0]
    [IO.File]::SetAttributes($path, [IO.FileAttributes][int]$read.word['attributes'][0])
}

# PATH MANIFEST: times.
function pw_undo_times($path, $read) {
    $created = [DateTime]::new([long]$read.word['created'][0], [DateTimeKind]::Utc)
    $written = [DateTime]::new([long]$read.word['written'][0], [DateTimeKind]::Utc)
    if ([IO.Directory]::Exists($path)) {
        [IO.Directory]::SetCreationTimeUtc($path, $created)
        [IO.Directory]::SetLastWriteTimeUtc($path, $written)
    } else {
        [IO.File]::SetCreationTimeUtc($path, $created)
        [IO.File]::SetLastWriteTimeUtc($path, $written)
    }
}
