# Copies what is on the host already.

# here src path [name] [parents] [keep] [backup] [check] [diff]
# A file as `put` would put it; a folder file by file. With a separator behind it a source folder stands for
# what is in it. Reports as `put` does, `src`, `operation` (file_copy or folder_copy), and `size` of the source.
function pw_here($a) {
    $text = pl_arg $a 'src'
    $source = pw_path $text
    [void](pl_v 'src' $source)
    $kind = pw_kind $source
    if ($kind -eq 'absent' -and (pl_flag $a 'check')) { [void](pl_v 'changed' '1'); return 0 }
    if ($kind -eq 'absent') { throw ("the source ``{0}`` does not exist on the host" -f $source) }
    if ($kind -eq 'link') { throw ("the source ``{0}`` is a link`nhint: name what it points to" -f $source) }
    if ($kind -eq 'file') {
        [void](pl_v 'operation' 'file_copy')
        $path = pw_put_place $a
        [void](pl_v 'path' $path)
        pw_here_file $a $source $path
        return 0
    }
    [void](pl_v 'operation' 'folder_copy')
    $to = pw_path (pl_arg $a 'path')
    [void](pl_v 'path' $to)
    if (-not (pw_path_slash $text)) { $to = pw_path ([IO.Path]::Combine($to, [IO.Path]::GetFileName($source))) }
    if ($to.StartsWith($source + [IO.Path]::DirectorySeparatorChar, [StringComparison]::OrdinalIgnoreCase)) {
        throw ("``{0}`` is inside of the source ``{1}``" -f $to, $source)
    }
    pw_here_folder $a $source $to
    return 0
}

function pw_here_folder($a, [string]$source, [string]$to) {
    pw_tree_folder $to (pl_flag $a 'check')
    foreach ($file in [IO.Directory]::GetFiles($source)) { pw_here_file $a $file ([IO.Path]::Combine($to, [IO.Path]::GetFileName($file))) }
    foreach ($folder in [IO.Directory]::GetDirectories($source)) {
        if ((pw_kind $folder) -eq 'link') { throw ("``{0}`` is a link, and links are not copied" -f $folder) }
        pw_here_folder $a $folder ([IO.Path]::Combine($to, [IO.Path]::GetFileName($folder)))
    }
}

function pw_here_file($a, [string]$source, [string]$path) {
    $kind = pw_kind $path
    if ($kind -eq 'directory' -or $kind -eq 'link') { throw ("``{0}`` is a {1}, not a file" -f $path, $kind) }
    if ($kind -eq 'file' -and (pl_flag $a 'keep')) { return }
    $digest = pw_digest $source
    if ($kind -eq 'file' -and (pw_digest $path) -ceq $digest) { return }
    [void](pl_v 'changed' '1')
    $check = pl_flag $a 'check'
    if ($check) { return }
    pw_put_parents $path (pl_flag $a 'parents')
    if ($kind -eq 'file' -and (pl_flag $a 'backup')) { pw_put_backup $path }
    $stream = [IO.FileStream]::new($source, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]::Read, 65536)
    try { pw_put_stream $path $kind $stream $stream.Length $digest } finally { $stream.Dispose() }
}
