# Calls: lines of a function's name and named lists of values in base64. They are taken apart, never compiled.

# Runs calls in order until one does not return 0, and returns what the last one returned.
function plr_calls([string]$text) {
  foreach ($line in $text.Split([char]10)) {
    if ($line.Length -eq 0 -or $line[0] -eq '#') { continue }
    $status = plr_call $line
    if ($status -ne 0) { return $status }
  }
  return 0
}

# Runs one call. The function's only output is its status; an exception is a failure with its message.
function plr_call([string]$line) {
  try {
    if (-not [regex]::IsMatch($line, '\A[a-z][a-z0-9_]*( [A-Za-z0-9_.:,+/=-]+)*\z')) { throw 'the call is not well formed' }
    $words = $line.Split(' ')
    $arguments = plr_arguments $words
    $function = plr_function $words[0]
    $status = & $function $arguments
    if ($status -isnot [int]) { throw "the operation ``$($words[0])`` returned no status" }
    if ($status -lt 0 -or $status -gt 99999) { return 1 }
    return $status
  } catch {
    return (pl_fail (plr_message $_))
  }
}

# The arguments of a call: a case-sensitive dictionary of string arrays.
function plr_arguments([string[]]$words) {
  $strict = [Text.UTF8Encoding]::new($false, $true)
  $found = [Collections.Hashtable]::new([StringComparer]::Ordinal)
  for ($i = 1; $i -lt $words.Length; $i++) {
    $at = $words[$i].IndexOf([char]':')
    $name = $words[$i]
    $values = [string[]]::new(0)
    if ($at -ge 0) {
      $name = $words[$i].Substring(0, $at)
      $parts = $words[$i].Substring($at + 1).Split(',')
      $values = [string[]]::new($parts.Length)
      for ($k = 0; $k -lt $parts.Length; $k++) {
        $values[$k] = $strict.GetString([Convert]::FromBase64String($parts[$k]))
      }
    }
    if ($found.ContainsKey($name)) { throw "the argument ``$name`` is given twice" }
    $found[$name] = $values
  }
  return $found
}

# The function of a call: only those whose names begin with pw_ can be reached.
function plr_function([string]$name) {
  if (-not $plr.functions.ContainsKey($name)) {
    $type = [Management.Automation.CommandTypes]::Function
    $plr.functions[$name] = $ExecutionContext.InvokeCommand.GetCommand("pw_$name", $type)
  }
  if ($null -eq $plr.functions[$name]) { throw "there is no operation ``$name``" }
  return $plr.functions[$name]
}

# What an error says at its root.
function plr_message($record) {
  $cause = $record.Exception
  while ($null -ne $cause.InnerException) { $cause = $cause.InnerException }
  return $cause.Message
}

# The first value of an argument, or nothing.
function pl_arg($arguments, [string]$name) {
  if ($arguments.ContainsKey($name) -and $arguments[$name].Length -gt 0) { return $arguments[$name][0] }
  return $null
}

# All values of an argument, as one array.
function pl_list($arguments, [string]$name) {
  if ($arguments.ContainsKey($name)) { return , $arguments[$name] }
  return , [string[]]::new(0)
}

# Whether an argument is 1.
function pl_flag($arguments, [string]$name) { return (pl_arg $arguments $name) -ceq '1' }

# Text as one line: `%` and control characters become %XX.
function pl_encode([string]$text) {
  if (-not [regex]::IsMatch($text, '[%\x00-\x1f\x7f]')) { return $text }
  $encoded = [Text.StringBuilder]::new($text.Length + 16)
  foreach ($part in $text.ToCharArray()) {
    $code = [int]$part
    if ($code -lt 32 -or $code -eq 127 -or $part -eq '%') {
      [void]$encoded.Append('%').Append($code.ToString('X2'))
    } else {
      [void]$encoded.Append($part)
    }
  }
  return $encoded.ToString()
}

# Text for a place where a line ends it and nothing is encoded.
function pl_plain([string]$text) { return [regex]::Replace($text, '[\x00-\x1f\x7f]', '?') }
