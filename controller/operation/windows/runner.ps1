# What `win_powershell` runs in a child: the user's script in a runspace of its own, and its streams as one JSON
# document on standard output. The input is one line of words: see `Words` in powershell.rs. .NET and the language only.

function r_text([string]$word) { return [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($word.Substring(1))) }

# The value that begins at a word; `$script:r_at` is behind it then.
function r_value {
    $word = $script:r_words[$script:r_at]
    $script:r_at++
    switch -CaseSensitive ($word.Substring(0, 1)) {
        's' { return r_text $word }
        'p' { return r_secure (r_text $word) }
        'i' { return [long]$word.Substring(1) }
        'd' { return [double]::Parse($word.Substring(1), [Globalization.CultureInfo]::InvariantCulture) }
        't' { return $true }
        'f' { return $false }
        'n' { return $null }
        'c' {
            $name = r_value
            $password = r_value
            return [Management.Automation.PSCredential]::new($name, $password)
        }
        '[' {
            $list = [Collections.Generic.List[object]]::new()
            while ($script:r_words[$script:r_at] -cne ']') { $list.Add((r_value)) }
            $script:r_at++
            return , $list.ToArray()
        }
        '{' {
            $map = @{}
            while ($script:r_words[$script:r_at] -cne '}') { $name = r_value; $map[$name] = r_value }
            $script:r_at++
            return $map
        }
    }
    throw 'a word that is not known'
}

function r_secure([string]$text) {
    $secure = [Security.SecureString]::new()
    foreach ($char in $text.ToCharArray()) { $secure.AppendChar($char) }
    return $secure
}

# Text as a JSON string; only ASCII leaves the host.
function r_quote([string]$text, $out) {
    [void]$out.Append('"')
    foreach ($char in $text.ToCharArray()) {
        $code = [int]$char
        if ($code -eq 34 -or $code -eq 92) { [void]$out.Append('\').Append($char) }
        elseif ($code -lt 32 -or $code -gt 126) { [void]$out.Append('\u').Append($code.ToString('x4')) }
        else { [void]$out.Append($char) }
    }
    [void]$out.Append('"')
}

# An object as JSON: its properties down to a depth, and below that its text.
function r_json($value, [int]$depth, $out) {
    if ($null -eq $value) { [void]$out.Append('null'); return }
    $base = $value
    if ($value -is [Management.Automation.PSObject]) { $base = $value.PSObject.BaseObject }
    $culture = [Globalization.CultureInfo]::InvariantCulture
    if ($base -is [bool]) { [void]$out.Append($base.ToString().ToLowerInvariant()); return }
    if ($base -is [string] -or $base -is [char]) { r_quote ([string]$base) $out; return }
    if ($base -is [DateTime]) { r_quote ($base.ToUniversalTime().ToString('o', $culture)) $out; return }
    if ($base -is [DateTimeOffset]) { r_quote ($base.UtcDateTime.ToString('o', $culture)) $out; return }
    if ($base -is [Enum]) { r_json ([ordered]@{ String = $base.ToString(); Type = $base.GetType().FullName; Value = [long]$base }) 1 $out; return }
    if ($base -is [Type]) { r_quote $base.FullName $out; return }
    if ($base -is [decimal] -or $base.GetType().IsPrimitive) { r_number $base $out; return }
    if ($base -is [Guid] -or $base -is [Uri] -or $base -is [Version] -or $base -is [TimeSpan]) { r_quote ($base.ToString()) $out; return }
    if ($base -is [Security.SecureString]) { r_quote 'System.Security.SecureString' $out; return }
    if ($depth -lt 0) { r_quote ([string]$value) $out; return }
    if ($base -is [Collections.IDictionary]) { r_map $base $depth $out; return }
    if ($base -is [Collections.IEnumerable]) { r_list $base $depth $out; return }
    r_properties $value $depth $out
}

# Not-a-number and the infinities are no JSON.
function r_number($base, $out) {
    $text = [string]::Format([Globalization.CultureInfo]::InvariantCulture, '{0}', $base)
    if ($base -is [double] -or $base -is [float]) {
        $text = [string]::Format([Globalization.CultureInfo]::InvariantCulture, '{0:R}', $base)
        if ([double]::IsNaN($base) -or [double]::IsInfinity($base)) { r_quote $text $out; return }
    }
    [void]$out.Append($text)
}

function r_list($items, [int]$depth, $out) {
    [void]$out.Append('[')
    $first = $true
    foreach ($item in $items) {
        if (-not $first) { [void]$out.Append(',') }
        $first = $false
        r_json $item ($depth - 1) $out
    }
    [void]$out.Append(']')
}

function r_map($map, [int]$depth, $out) {
    [void]$out.Append('{')
    $first = $true
    foreach ($name in @($map.Keys)) {
        if (-not $first) { [void]$out.Append(',') }
        $first = $false
        r_quote ([string]$name) $out
        [void]$out.Append(':')
        r_json $map[$name] ($depth - 1) $out
    }
    [void]$out.Append('}')
}

# A property that cannot be read is null, as it is for who looks at it.
function r_properties($value, [int]$depth, $out) {
    $map = [ordered]@{}
    foreach ($property in $value.PSObject.Properties) {
        $read = $null
        try { $read = $property.Value } catch { $read = $null }
        $map[$property.Name] = $read
    }
    if ($map.Count -eq 0) { r_quote ([string]$value) $out; return }
    r_map $map $depth $out
}

# An error as `win_powershell` documents it.
function r_error($record) {
    $category = $record.CategoryInfo
    $cause = $record.Exception
    $inner = $null
    if ($null -ne $cause.InnerException) { $inner = [ordered]@{ message = $cause.InnerException.Message; type = $cause.InnerException.GetType().FullName } }
    return [ordered]@{
        output = $record.ToString()
        error_details = [string]$record.ErrorDetails
        exception = [ordered]@{ message = $cause.Message; type = $cause.GetType().FullName; help_link = $cause.HelpLink; source = $cause.Source; hresult = $cause.HResult; inner_exception = $inner }
        target_object = [string]$record.TargetObject
        category_info = [ordered]@{ category = $category.Category.ToString(); category_id = [int]$category.Category; activity = $category.Activity; reason = $category.Reason; target_name = $category.TargetName; target_type = $category.TargetType }
        fully_qualified_error_id = $record.FullyQualifiedErrorId
        script_stack_trace = $record.ScriptStackTrace
        pipeline_iteration_info = @($record.PipelineIterationInfo)
    }
}

# Whether the script says that it can be asked `what if`.
function r_what_if([string]$text) {
    $tokens = $null
    $errors = $null
    $tree = [Management.Automation.Language.Parser]::ParseInput($text, [ref]$tokens, [ref]$errors)
    if ($null -eq $tree.ParamBlock) { return $false }
    foreach ($attribute in $tree.ParamBlock.Attributes) {
        if ($attribute.TypeName.Name -ne 'CmdletBinding' -or $attribute -isnot [Management.Automation.Language.AttributeAst]) { continue }
        foreach ($argument in $attribute.NamedArguments) {
            if ($argument.ArgumentName -ne 'SupportsShouldProcess') { continue }
            return $argument.ExpressionOmitted -or $argument.Argument.Extent.Text -match '^(\$true|1)$'
        }
    }
    return $false
}

# What a script finds as `$Ansible`.
function r_shared($call) {
    $members = @{
        CheckMode = $call.check; Verbosity = $call.verbosity; Tmpdir = [IO.Path]::GetTempPath()
        Result = @{}; Changed = $true; Failed = $false; Diff = @{}
    }
    $shared = [Management.Automation.PSObject]::new()
    foreach ($name in $members.Keys) { $shared.PSObject.Properties.Add([Management.Automation.PSNoteProperty]::new($name, $members[$name])) }
    return $shared
}

function r_shell($call, $shared) {
    $state = [Management.Automation.Runspaces.InitialSessionState]::CreateDefault()
    $runspace = [Management.Automation.Runspaces.RunspaceFactory]::CreateRunspace($state)
    $runspace.Open()
    $runspace.SessionStateProxy.SetVariable('Ansible', $shared)
    $runspace.SessionStateProxy.SetVariable('ErrorActionPreference', $call.error_action)
    $runspace.SessionStateProxy.SetVariable('ProgressPreference', 'SilentlyContinue')
    if ($null -ne $call.chdir) { [void]$runspace.SessionStateProxy.Path.SetLocation($call.chdir) }
    $shell = [Management.Automation.PowerShell]::Create()
    $shell.Runspace = $runspace
    [void]$shell.AddScript($call.script)
    foreach ($name in $call.parameters.Keys) { [void]$shell.AddParameter($name, $call.parameters[$name]) }
    if ($call.check) { [void]$shell.AddParameter('WhatIf') }
    return $shell
}

# Runs it. What is written to the console itself is caught too.
function r_run($call) {
    $result = [ordered]@{}
    if ($call.check -and -not (r_what_if $call.script)) { return [ordered]@{ changed = $true; skipped = $true; msg = 'skipped, running in check mode' } }
    $shared = r_shared $call
    $outputs = [IO.StringWriter]::new()
    $problems = [IO.StringWriter]::new()
    [Console]::SetOut($outputs)
    [Console]::SetError($problems)
    $shell = r_shell $call $shared
    $output = [Management.Automation.PSDataCollection[Management.Automation.PSObject]]::new()
    $failed = $false
    $errors = [Collections.Generic.List[object]]::new()
    try { foreach ($item in $shell.Invoke()) { $output.Add($item) } }
    catch {
        $cause = $_.Exception
        while ($null -ne $cause.InnerException -and $cause -isnot [Management.Automation.RuntimeException]) { $cause = $cause.InnerException }
        if ($cause -is [Management.Automation.MethodInvocationException] -and $null -ne $cause.InnerException) { $cause = $cause.InnerException }
        $failed = $true
        if ($cause -is [Management.Automation.RuntimeException]) { $errors.Add((r_error $cause.ErrorRecord)) }
        else { $errors.Add((r_error $_)) }
    }
    foreach ($record in $shell.Streams.Error) { $errors.Insert($errors.Count, (r_error $record)) }
    $result['changed'] = [bool]$shared.Changed
    $result['failed'] = $failed -or [bool]$shared.Failed
    $result['result'] = $shared.Result
    $result['diff'] = $shared.Diff
    $result['host_out'] = $outputs.ToString()
    $result['host_err'] = $problems.ToString()
    $result['output'] = $output
    $result['error'] = $errors.ToArray()
    $result['warning'] = r_texts $shell.Streams.Warning
    $result['verbose'] = r_texts $shell.Streams.Verbose
    $result['debug'] = r_texts $shell.Streams.Debug
    $result['information'] = r_information $shell.Streams.Information
    return $result
}

function r_texts($records) {
    $texts = [Collections.Generic.List[string]]::new()
    foreach ($record in $records) { $texts.Add($record.Message) }
    return , $texts.ToArray()
}

function r_information($records) {
    $list = [Collections.Generic.List[object]]::new()
    foreach ($record in $records) {
        $list.Add([ordered]@{ message_data = $record.MessageData; source = $record.Source; time_generated = $record.TimeGenerated; tags = @($record.Tags) })
    }
    return , $list.ToArray()
}

function r_main {
    $line = [IO.StreamReader]::new($paceline_in, [Text.Encoding]::ASCII).ReadLine()
    $script:r_words = $line.Split(' ')
    $script:r_at = 0
    $call = r_value
    $result = r_run $call
    $out = [Text.StringBuilder]::new()
    [void]$out.Append('{')
    $first = $true
    foreach ($name in $result.Keys) {
        if (-not $first) { [void]$out.Append(',') }
        $first = $false
        r_quote $name $out
        [void]$out.Append(':')
        $depth = 8
        if ('result', 'output', 'information' -contains $name) { $depth = [int]$call.depth + 1 }
        r_json $result[$name] $depth $out
    }
    [void]$out.Append("}`n")
    $bytes = [Text.Encoding]::ASCII.GetBytes($out.ToString())
    $stream = [Console]::OpenStandardOutput()
    $stream.Write($bytes, 0, $bytes.Length)
    $stream.Flush()
}

r_main
