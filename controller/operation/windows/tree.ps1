# Makes a folder hold a tree: what differs is told first, then the contents come in one stream.

# tree path [folders] [files digests sizes] [keep] [payload] [check] [diff]
# Folders and files are paths below the top with backslashes; the payload is the contents of all files, one behind
# the other. Reports `path`; `changed`; without a payload `want N` for each file (from 0) whose content is needed.
function pw_tree($a) {
    $top = pw_path (pl_arg $a 'path')
    [void](pl_v 'path' $top)
    $check = pl_flag $a 'check'
    foreach ($folder in (pl_list $a 'folders')) { pw_tree_folder (pw_tree_below $top $folder) $check }
    $files = (pl_list $a 'files')
    $digests = (pl_list $a 'digests')
    if (pl_flag $a 'payload') { pw_tree_take $top $files $digests (pl_list $a 'sizes'); return 0 }
    $wanted = 0
    for ($number = 0; $number -lt $files.Length; $number++) {
        $wanted += pw_tree_look $a (pw_tree_below $top $files[$number]) $digests[$number] $number
    }
    if ($wanted -eq 0) { return 0 }
    [void](pl_v 'changed' '1')
    if ($check) { return 0 }
    return 75
}

# A path below the top: the controller names it, and it stays there.
function pw_tree_below([string]$top, [string]$name) {
    $path = pw_path ([IO.Path]::Combine($top, $name))
    $inside = $top.TrimEnd('\', '/') + [IO.Path]::DirectorySeparatorChar
    if (-not $path.StartsWith($inside, [StringComparison]::OrdinalIgnoreCase) -and $path -ne $top) {
        throw ("``{0}`` leads out of ``{1}``" -f $name, $top)
    }
    return $path
}

function pw_tree_folder([string]$path, [bool]$check) {
    $kind = pw_kind $path
    if ($kind -eq 'file') { throw ("``{0}`` is a file, not a folder" -f $path) }
    if ($kind -ne 'absent') { return }
    [void](pl_v 'changed' '1')
    if (-not $check) { pw_make_folders $path }
}

# 1 if the content of a file is needed.
function pw_tree_look($a, [string]$path, [string]$digest, [int]$number) {
    $kind = pw_kind $path
    if ($kind -eq 'directory' -or $kind -eq 'link') { throw ("``{0}`` is a {1}, not a file" -f $path, $kind) }
    if ($kind -eq 'file' -and (pl_flag $a 'keep')) { return 0 }
    if ($kind -eq 'file' -and (pw_digest $path) -ceq $digest) { return 0 }
    [void](pl_v 'want' $number.ToString())
    if (pl_flag $a 'diff') {
        [void](pl_v 'was' $kind)
        if ($kind -eq 'file') { pw_put_old $path }
    }
    return 1
}

function pw_tree_take([string]$top, [string[]]$files, [string[]]$digests, [string[]]$sizes) {
    $stream = pl_payload_stream
    try {
        for ($number = 0; $number -lt $files.Length; $number++) {
            $path = pw_tree_below $top $files[$number]
            [void](pl_v 'changed' '1')
            pw_put_parents $path $true
            pw_put_stream $path (pw_kind $path) $stream ([long]$sizes[$number]) $digests[$number]
        }
    }
    finally { $stream.Dispose() }
}
