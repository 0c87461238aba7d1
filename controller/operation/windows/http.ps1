# Requests from the host: System.Net.HttpWebRequest, which 5.1 and 7 both have, sync, within a limit.

# url method [names values] [user password force_login] [timeout] [no_redirect] [redirects] [no_check] [no_proxy]
# [proxy] [default_login] [certificate] [agent] : the request, with the payload as its body if there is one.
function pw_http_request($a) {
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
    $request = [Net.HttpWebRequest][Net.WebRequest]::Create([Uri]::new((pl_arg $a 'url')))
    $request.Method = pl_arg $a 'method'
    $limit = 1000 * [int](pl_arg $a 'timeout')
    $request.Timeout = $limit
    $request.ReadWriteTimeout = $limit
    $request.AllowAutoRedirect = -not (pl_flag $a 'no_redirect')
    $most = pl_arg $a 'redirects'
    if ($null -ne $most -and [int]$most -gt 0) { $request.MaximumAutomaticRedirections = [int]$most }
    if (pl_flag $a 'no_proxy') { $request.Proxy = $null }
    $proxy = pl_arg $a 'proxy'
    if ($null -ne $proxy) { $request.Proxy = [Net.WebProxy]::new($proxy) }
    if (pl_flag $a 'no_check') { $request.ServerCertificateValidationCallback = pw_http_no_check }
    if (pl_flag $a 'default_login') { $request.UseDefaultCredentials = $true }
    pw_http_login $a $request
    pw_http_certificate $a $request
    pw_http_headers $a $request
    if ((pl_payload_length) -gt 0) { pw_http_body $request }
    return $request
}

function pw_http_login($a, $request) {
    $user = pl_arg $a 'user'
    if ($null -eq $user) { return }
    $password = pl_arg $a 'password'
    $request.Credentials = [Net.NetworkCredential]::new($user, $password)
    if (-not (pl_flag $a 'force_login')) { return }
    $token = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($user + ':' + $password))
    $request.Headers['Authorization'] = 'Basic ' + $token
}

# A certificate of the user's or the machine's store that the server may ask for, by its thumbprint.
function pw_http_certificate($a, $request) {
    $thumbprint = pl_arg $a 'certificate'
    if ($null -eq $thumbprint) { return }
    foreach ($place in 'CurrentUser', 'LocalMachine') {
        $store = [Security.Cryptography.X509Certificates.X509Store]::new('My', [Security.Cryptography.X509Certificates.StoreLocation]$place)
        $store.Open([Security.Cryptography.X509Certificates.OpenFlags]'ReadOnly, OpenExistingOnly')
        try {
            foreach ($certificate in $store.Certificates) {
                if ($certificate.Thumbprint -eq $thumbprint) { [void]$request.ClientCertificates.Add($certificate); return }
            }
        }
        finally { $store.Close() }
    }
    throw ("the host has no certificate with the thumbprint ``{0}`` among those of the user or the machine" -f $thumbprint)
}

# Some headers are properties: learn.microsoft.com/dotnet/api/system.net.httpwebrequest.headers.
function pw_http_headers($a, $request) {
    $names = pl_list $a 'names'
    $values = pl_list $a 'values'
    for ($at = 0; $at -lt $names.Length; $at++) {
        $value = $values[$at]
        switch ($names[$at]) {
            'Accept' { $request.Accept = $value }
            'Connection' { if ($value -eq 'close') { $request.KeepAlive = $false } else { $request.KeepAlive = $true } }
            'Content-Length' { }
            'Content-Type' { $request.ContentType = $value }
            'Date' { $request.Date = [DateTime]::Parse($value, [Globalization.CultureInfo]::InvariantCulture) }
            'Expect' { if ($value -ne '100-continue') { $request.Expect = $value } }
            'Host' { $request.Host = $value }
            'If-Modified-Since' { $request.IfModifiedSince = [DateTime]::Parse($value, [Globalization.CultureInfo]::InvariantCulture) }
            'Referer' { $request.Referer = $value }
            'User-Agent' { $request.UserAgent = $value }
            default { $request.Headers[$names[$at]] = $value }
        }
    }
}

function pw_http_body($request) {
    $request.ServicePoint.Expect100Continue = $false
    $request.ContentLength = pl_payload_length
    $from = pl_payload_stream
    try {
        $to = $request.GetRequestStream()
        try { $from.CopyTo($to) } finally { $to.Dispose() }
    }
    finally { $from.Dispose() }
}

# The answer, whatever its status; an error without an answer is reported as `unanswered`, and is null.
function pw_http_answer($request) {
    try { return $request.GetResponse() }
    catch {
        $cause = $_.Exception
        while ($null -ne $cause -and $cause -isnot [Net.WebException]) { $cause = $cause.InnerException }
        if ($null -eq $cause) { throw }
        if ($null -ne $cause.Response) { return $cause.Response }
        [void](pl_v 'unanswered' (pw_http_reason $cause))
        return $null
    }
}

function pw_http_reason($cause) {
    $text = $cause.Message
    while ($null -ne $cause.InnerException) { $cause = $cause.InnerException; $text = $text + ': ' + $cause.Message }
    return $text
}

# A function that accepts every certificate, put together from expressions: a script block would need a runspace in the
# thread that asks.
function pw_http_no_check {
    $parameters = [Linq.Expressions.ParameterExpression[]]@(
        [Linq.Expressions.Expression]::Parameter([object]),
        [Linq.Expressions.Expression]::Parameter([Security.Cryptography.X509Certificates.X509Certificate]),
        [Linq.Expressions.Expression]::Parameter([Security.Cryptography.X509Certificates.X509Chain]),
        [Linq.Expressions.Expression]::Parameter([Net.Security.SslPolicyErrors]))
    $yes = [Linq.Expressions.Expression]::Constant($true)
    return [Linq.Expressions.Expression]::Lambda([Net.Security.RemoteCertificateValidationCallback], $yes, $parameters).Compile()
}

# uri url method ... [creates] [removes] [content] [limit]: see `pw_http_request`.
# Reports `skip`, `unanswered`, or `status`, `reason`, `url`, `header NAME VALUE` and the bytes as `body`.
function pw_uri($a) {
    $skip = pw_command_skip $a
    if ($skip -ne '') { [void](pl_v 'skip' $skip); return 0 }
    if (pl_flag $a 'changes') { [void](pw_start) }
    $answer = pw_http_answer (pw_http_request $a)
    if ($null -eq $answer) { return 0 }
    try {
        pw_http_tell $answer
        $stream = $answer.GetResponseStream()
        try { pw_uri_body $stream ([long](pl_arg $a 'limit')) } finally { $stream.Dispose() }
    }
    finally { $answer.Dispose() }
    return 0
}

function pw_http_tell($answer) {
    [void](pl_v 'status' ([int]$answer.StatusCode).ToString())
    [void](pl_v 'reason' $answer.StatusDescription)
    [void](pl_v 'url' $answer.ResponseUri.AbsoluteUri)
    foreach ($name in $answer.Headers.AllKeys) { [void](pl_v 'header' ($name + ' ' + $answer.Headers[$name])) }
}

function pw_uri_body($stream, [long]$limit) {
    $copy = [IO.MemoryStream]::new()
    $buffer = [byte[]]::new(65536)
    while ($true) {
        $count = $stream.Read($buffer, 0, $buffer.Length)
        if ($count -eq 0) { break }
        $room = $limit - $copy.Length
        if ($count -gt $room) { [void](pl_v 'cut' '1'); $copy.Write($buffer, 0, [int]$room); break }
        $copy.Write($buffer, 0, $count)
    }
    [void](pl_b 'body' $copy.ToArray())
}

# get_url url path ... [name] [force] [checksum algorithm] [backup] [check]
# A file that is there stays unless `force` says so or its checksum differs. With `force` the server is asked only for what
# is newer than the file. Reports as `put` does, and `status`, `reason`, `size`, `checksum_src`, `elapsed` from the answer.
function pw_get_url($a) {
    $path = pw_put_place $a
    [void](pl_v 'path' $path)
    $kind = pw_kind $path
    [void](pl_v 'was' $kind)
    if ($kind -eq 'directory' -or $kind -eq 'link') { throw ("``{0}`` is a {1}, not a file" -f $path, $kind) }
    $checksum = pl_arg $a 'checksum'
    if ($kind -eq 'file' -and $null -ne $checksum) {
        if ((pw_digest_with $path (pl_arg $a 'algorithm')) -eq $checksum) { [void](pl_v 'same' '1'); return 0 }
    }
    elseif ($kind -eq 'file' -and -not (pl_flag $a 'force')) { [void](pl_v 'same' '1'); return 0 }
    if (-not (pl_flag $a 'check')) { pw_put_parents $path $false }
    $request = pw_http_request $a
    if ($kind -eq 'file' -and $null -eq $checksum) { $request.IfModifiedSince = [IO.File]::GetLastWriteTimeUtc($path) }
    $answer = pw_http_answer $request
    if ($null -eq $answer) { return 1 }
    try {
        [void](pl_v 'status' ([int]$answer.StatusCode).ToString())
        [void](pl_v 'reason' $answer.StatusDescription)
        if ([int]$answer.StatusCode -eq 304) { [void](pl_v 'same' '1'); return 0 }
        if ([int]$answer.StatusCode -ge 300) { return pl_fail ("the server answered with status {0}" -f [int]$answer.StatusCode) }
        return pw_get_url_take $a $answer $path $kind
    }
    finally { $answer.Dispose() }
}

# The content waits in the private folder until all of it is there and its checksum is right.
function pw_get_url_take($a, $answer, [string]$path, [string]$kind) {
    $waiting = [IO.Path]::Combine($pl.dir, 'download' + $pl.id)
    $file = [IO.FileStream]::new($waiting, [IO.FileMode]::CreateNew, [IO.FileAccess]::ReadWrite, [IO.FileShare]::None)
    try {
        $stream = $answer.GetResponseStream()
        try { $stream.CopyTo($file) } finally { $stream.Dispose() }
        if ($answer.ContentLength -ge 0 -and $file.Length -ne $answer.ContentLength) {
            throw ("the server sent {0} bytes of {1}" -f $file.Length, $answer.ContentLength)
        }
        $checksum = pl_arg $a 'checksum'
        if ($null -ne $checksum) { pw_get_url_check $file (pl_arg $a 'algorithm') $checksum }
        [void]$file.Seek(0, [IO.SeekOrigin]::Begin)
        $digest = pw_digest_of $file 'sha256'
        if ($kind -eq 'file' -and (pw_digest $path) -ceq $digest) { [void](pl_v 'same' '1'); return 0 }
        [void](pl_v 'changed' '1')
        [void](pl_v 'size' $file.Length.ToString())
        [void](pl_v 'sha256' $digest)
        if (pl_flag $a 'check') { return 0 }
        if ($kind -eq 'file' -and (pl_flag $a 'backup')) { pw_put_backup $path }
        [void]$file.Seek(0, [IO.SeekOrigin]::Begin)
        pw_put_stream $path $kind $file $file.Length $digest
    }
    finally { $file.Dispose(); [IO.File]::Delete($waiting) }
    return 0
}

function pw_get_url_check($file, [string]$algorithm, [string]$checksum) {
    [void]$file.Seek(0, [IO.SeekOrigin]::Begin)
    $seen = pw_digest_of $file $algorithm
    if ($seen -ne $checksum) { throw ("the {0} of what the server sent is {1}, not {2}" -f $algorithm, $seen, $checksum) }
}
