# Rollback points of files and folders. What is replaced or removed is kept by rename, beside the points where they lie
# on the same volume, else beside the path under a hidden name; copies are made only of what is edited in place.

# PATH: what is there: `absent`, `file`, `directory` or `link`, whatever a link leads to.
function pw_path_kind($path) {
    try {
        $attributes = [IO.File]::GetAttributes($path)
    } catch [IO.FileNotFoundException] {
        return 'absent'
    } catch [IO.DirectoryNotFoundException] {
        return 'absent'
    }
    if (($attributes -band [IO.FileAttributes]::ReparsePoint) -ne 0) { return 'link' }
    if (($attributes -band [IO.FileAttributes]::Directory) -ne 0) { return 'directory' }
    return 'file'
}

# PATH: the SHA-256 of a file in hexadecimal digits.
function pw_digest($path) {
    $share = [IO.FileShare]'ReadWrite, Delete'
    $stream = [IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, $share)
    try {
        $hash = [Security.Cryptography.SHA256]::Create().ComputeHash($stream)
    } finally {
        $stream.Dispose()
    }
    return [BitConverter]::ToString($hash).Replace('-', '').ToLowerInvariant()
}

# PATH: what is there in one word, as `made` in a manifest: `file:DIGEST`, `directory`, `link` or `absent`.
function pw_path_mark($path) {
    $kind = pw_path_kind $path
    if ($kind -ceq 'file') { return 'file:' + (pw_digest $path) }
    return $kind
}

# PATH: whether a folder above it is a link, or one in which a volume is mounted: then it may lie on another volume than
# its first letter says, and a rename cannot lead there.
function pw_path_led($path) {
    $folder = [IO.Path]::GetDirectoryName($path)
    while (-not [string]::IsNullOrEmpty($folder)) {
        $above = [IO.Path]::GetDirectoryName($folder)
# The root of a volume is no link, whatever Windows says of it.
        if ([string]::IsNullOrEmpty($above)) { return $false }
        if ((pw_path_kind $folder) -ceq 'link') { return $true }
        $folder = $above
    }
    return $false
}

# PATH NUMBER: where what is at the path is kept when it is moved away.
function pw_kept_path($path, $number) {
    $at = $script:pw_at
    $same = [StringComparison]::OrdinalIgnoreCase
    if ([string]::Equals([IO.Path]::GetPathRoot($path), [IO.Path]::GetPathRoot($at.folder), $same) -and
        -not (pw_path_led $path) -and -not (pw_path_led $at.folder)) {
        return pw_point_path $number '.kept'
    }
    return [IO.Path]::Combine([IO.Path]::GetDirectoryName($path), ".paceline-$($at.run)-$number")
}

# PATH HOW MADE TEMPORARY: saves what is at PATH, durably, before it changes. HOW is
#   absent      nothing is there and something is about to be made
#   folders     folders are about to be made: PATH is the lowest, TEMPORARY the highest one
#   made        the same, by a command: a folder may hold anything, and all of it goes with it
#   replace     a file is about to be replaced: `pw_swap` does it
#   take        a file, folder or link is about to be removed or replaced by another kind: `pw_take` does it
#   copy        it is going to be edited in place, or nobody knows how: a copy is kept
#   attributes  attributes, owner or access list are about to change
#   times       times are about to change
# MADE is what PATH is going to be, as `pw_path_mark` says it, or empty where that is not known; TEMPORARY is a name
# that may be left beside it, or empty. Returns number, path, how and kept.
function pw_point_file($path, $how, $made, $temporary) {
    $number = pw_point_next
    $kind = pw_path_kind $path
    if ($how -ceq 'made' -and $kind -cne 'absent') { $how = 'copy' }
    if ($kind -ceq 'absent' -and $how -cne 'folders' -and $how -cne 'made') { $how = 'absent' }
    $lines = [Collections.Generic.List[string]]::new()
    $lines.Add('path ' + (pw_pack $path))
    $lines.Add('how ' + (pw_pack $how))
    $lines.Add('was ' + (pw_pack $kind))
    if ($made -cne '') { $lines.Add('made ' + (pw_pack $made)) }
    if ($temporary -cne '') { $lines.Add('temporary ' + (pw_pack $temporary)) }
    $kept = ''
    if ($how -ceq 'copy') { $kept = pw_point_path $number '.kept' }
    if ($how -ceq 'replace' -or $how -ceq 'take') { $kept = pw_kept_path $path $number }
    if ($kept -cne '') { $lines.Add('kept ' + (pw_pack $kept)) }
    if (@('absent', 'folders', 'made') -cnotcontains $how) {
        foreach ($line in (pw_path_lines $path)) { $lines.Add($line) }
    }
    foreach ($line in (pw_folder_lines $path)) { $lines.Add($line) }
    if ($how -ceq 'copy') { pw_keep_copy $path $kept }
    $covers = $kind
    if ($how -ceq 'attributes' -or $how -ceq 'times') { $covers = $how }
    if (@('absent', 'folders', 'made') -ccontains $how) { $covers = 'absent' }
    $text = $path
    if ($how -ceq 'folders') { $text = $temporary }
    [void](pw_point $covers $text $lines)
    return @{ number = $number; path = $path; how = $how; kept = $kept }
}

# PATH: its attributes, times, owner and access list, as lines of a manifest. The access list of a link is that of what it
# leads to, which may not be there, so a link has none here.
function pw_path_lines($path) {
    $lines = [Collections.Generic.List[string]]::new()
    $lines.Add('attributes ' + (pw_pack ([string][int][IO.File]::GetAttributes($path))))
    $lines.Add('created ' + (pw_pack ([string][IO.File]::GetCreationTimeUtc($path).Ticks)))
    $lines.Add('written ' + (pw_pack ([string][IO.File]::GetLastWriteTimeUtc($path).Ticks)))
    $sddl = ''
    if ((pw_path_kind $path) -cne 'link') { $sddl = pw_sys_sddl $path }
    $lines.Add('sddl ' + (pw_pack $sddl))
    return , $lines.ToArray()
}

# PATH: the time of the folder whose entries change, the first time that the session changes one of them.
function pw_folder_lines($path) {
    $folder = [IO.Path]::GetDirectoryName($path)
    $known = $script:pw_at.folders
    if ($null -eq $folder -or $known.ContainsKey($folder) -or -not [IO.Directory]::Exists($folder)) {
        return , [string[]]@()
    }
    $known[$folder] = $true
    $ticks = [string][IO.Directory]::GetLastWriteTimeUtc($folder).Ticks
    return , [string[]]@('folder ' + (pw_pack @($folder, $ticks)))
}

# POINT TEMPORARY: puts a file in the place of what the point saved as `absent` or `replace`. The old file keeps its
# identity under the name that the manifest gives; the new one has its attributes and access list.
function pw_swap($point, $temporary) {
    if ($point.how -ceq 'absent') {
        [IO.File]::Move($temporary, $point.path)
    } else {
        [IO.File]::Replace($temporary, $point.path, $point.kept)
    }
}

# FROM TO: gives a file, folder or link another name on its volume.
function pw_move($from, $to) {
    if ([IO.Directory]::Exists($from)) {
        [IO.Directory]::Move($from, $to)
    } else {
        [IO.File]::Move($from, $to)
    }
}

# POINT: moves away what the point saved as `take`.
function pw_take($point) {
    pw_move $point.path $point.kept
    $points = [IO.Path]::GetDirectoryName($point.kept)
    if ($points -cne $script:pw_at.folder) {
        $attributes = [IO.File]::GetAttributes($point.kept) -bor [IO.FileAttributes]::Hidden
        [IO.File]::SetAttributes($point.kept, $attributes)
    }
}

# POINT: notes what became of the path, for what nobody could know before.
function pw_point_file_after($point) {
    $text = 'mark ' + (pw_pack (pw_path_mark $point.path)) + "`n" + '#END' + "`n"
    try {
        pw_write_durable (pw_point_path $point.number '.after') $text 'Create'
    } catch {
        [void](pl_v 'warning' ('cannot note what the step left in point {0}: {1}' -f $point.number, (pw_reason $_)))
    }
}

# PATH TO: a copy for a point, within the limit of bytes.
function pw_keep_copy($path, $to) {
    $bytes = pw_tree_bytes $path
    $limit = $script:pw_at.limit
    if ($bytes -gt $limit) {
        $words = 'a rollback point for `{0}` has to copy {1} bytes, more than `paceline_point_limit` ({2}) allows'
        $hint = "; nothing was changed`nhint: set that variable to $bytes or more to consent"
        throw ($words -f $path, $bytes, $limit) + $hint
    }
    try {
        pw_copy_tree $path $to
    } catch {
        pw_unsaved $_
    }
}

# PATH: bytes of a file, or of all files of a tree. Links are not followed.
function pw_tree_bytes($path) {
    $kind = pw_path_kind $path
    if ($kind -ceq 'file') { return [IO.FileInfo]::new($path).Length }
    if ($kind -cne 'directory') { return [long]0 }
    $bytes = [long]0
    foreach ($entry in [IO.Directory]::GetFileSystemEntries($path)) { $bytes += pw_tree_bytes $entry }
    return $bytes
}

# PATH: fails where it is longer than Windows PowerShell can name (247 characters for folders, 259 for files:
# learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation). PowerShell 7 has no such limit.
function pw_path_fits($path) {
    if ($PSVersionTable.PSVersion.Major -ge 6 -or $path.Length -le 247) { return }
    throw "the copy ``$path`` would have a path of $($path.Length) characters, more than the 247 of Windows PowerShell" +
        "`nhint: name a folder with a short path with the variable ``paceline_base``"
}

# FROM TO: copies a file or tree with times, attributes and access lists, and flushes it.
function pw_copy_tree($from, $to) {
    $kind = pw_path_kind $from
    if ($kind -ceq 'link') { throw "``$from`` is a link, and cannot be copied for a rollback point" }
    pw_path_fits $to
    if ($kind -ceq 'directory') {
        [void][IO.Directory]::CreateDirectory($to)
        foreach ($entry in [IO.Directory]::GetFileSystemEntries($from)) {
            pw_copy_tree $entry ([IO.Path]::Combine($to, [IO.Path]::GetFileName($entry)))
        }
        pw_sys_set_sddl $to (pw_sys_sddl $from)
        [IO.Directory]::SetCreationTimeUtc($to, [IO.Directory]::GetCreationTimeUtc($from))
        [IO.Directory]::SetLastWriteTimeUtc($to, [IO.Directory]::GetLastWriteTimeUtc($from))
        return
    }
    [IO.File]::Copy($from, $to)
    $attributes = [IO.File]::GetAttributes($from)
    [IO.File]::SetAttributes($to, [IO.FileAttributes]::Normal)
    pw_sys_set_sddl $to (pw_sys_sddl $from)
    $stream = [IO.FileStream]::new($to, [IO.FileMode]::Open, [IO.FileAccess]::ReadWrite, [IO.FileShare]::Read)
    try {
        $stream.Flush($true)
    } finally {
        $stream.Dispose()
    }
    [IO.File]::SetCreationTimeUtc($to, [IO.File]::GetCreationTimeUtc($from))
    [IO.File]::SetLastWriteTimeUtc($to, [IO.File]::GetLastWriteTimeUtc($from))
    [IO.File]::SetAttributes($to, $attributes)
}
