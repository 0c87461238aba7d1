# One look at what `wait_for` waits for: 0 when it is as wanted, 75 when it is not yet. The controller asks again, so that
# the session is never busy for long.

# wait_path path want(present|absent) pause
function pw_wait_path($a) {
    pw_wait_pause $a
    $absent = (pw_kind (pw_path (pl_arg $a 'path'))) -eq 'absent'
    if ($absent -eq ((pl_arg $a 'want') -eq 'absent')) { return 0 }
    return 75
}

# wait_text path pause: the file, up to 16 MiB, as `text`; the controller searches in it.
function pw_wait_text($a) {
    pw_wait_pause $a
    $path = pw_path (pl_arg $a 'path')
    if ((pw_kind $path) -ne 'file') { return 75 }
    $stream = [IO.FileStream]::new($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]'ReadWrite,Delete')
    try { $bytes = pw_read_whole $stream 16777216 $path } finally { $stream.Dispose() }
    [void](pl_b 'text' $bytes)
    return 75
}

# wait_port host port want(open|closed|text) pause limit: with `text`, what is said as `text`.
function pw_wait_port($a) {
    pw_wait_pause $a
    $want = pl_arg $a 'want'
    $client = [Net.Sockets.TcpClient]::new()
    try {
        $limit = 1000 * [int](pl_arg $a 'limit')
        $task = $client.ConnectAsync((pl_arg $a 'host'), [int](pl_arg $a 'port'))
        $why = pw_wait_task $task $limit
        if ($why -ne '') {
            [void](pl_v 'why' $why)
            if ($want -eq 'closed') { return 0 }
            return 75
        }
        if ($want -eq 'open') { return 0 }
        if ($want -eq 'text') { [void](pl_b 'text' (pw_wait_heard $client $limit)) }
        return 75
    }
    finally { $client.Dispose() }
}

# Why a task did not end well within its limit; empty if it did.
function pw_wait_task($task, [int]$limit) {
    try { if (-not $task.Wait($limit)) { return 'timed out' } }
    catch {
        $cause = $_.Exception
        while ($null -ne $cause.InnerException) { $cause = $cause.InnerException }
        return $cause.Message
    }
    return ''
}

# What the other side says until it ends, is silent, or said 1 MiB.
function pw_wait_heard($client, [int]$limit) {
    $copy = [IO.MemoryStream]::new()
    $buffer = [byte[]]::new(65536)
    $stream = $client.GetStream()
    $stream.ReadTimeout = $limit
    try {
        while ($copy.Length -lt 1048576) {
            $count = $stream.Read($buffer, 0, $buffer.Length)
            if ($count -eq 0) { break }
            $copy.Write($buffer, 0, $count)
        }
    }
    catch [IO.IOException] { return , $copy.ToArray() }
    return , $copy.ToArray()
}

# wait_time seconds: only time passes.
function pw_wait_time($a) {
    [Threading.Thread]::Sleep(1000 * [int](pl_arg $a 'seconds'))
    return 0
}

function pw_wait_pause($a) {
    $pause = pl_arg $a 'pause'
    if ($null -ne $pause) { [Threading.Thread]::Sleep(1000 * [int]$pause) }
}
