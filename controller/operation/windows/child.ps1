# What a child that runs a script of the user holds in its command line: the script comes on standard input, behind its
# length in eight hexadecimal digits and a newline; what follows it is the script's own input. So no text of the user
# stands in the list of processes.
$ProgressPreference = 'SilentlyContinue'
[Console]::InputEncoding = [Text.UTF8Encoding]::new($false)
[Console]::OutputEncoding = [Text.UTF8Encoding]::new($false)
$OutputEncoding = [Text.UTF8Encoding]::new($false)
$paceline_in = [Console]::OpenStandardInput()
function paceline_take([int]$count) {
    $bytes = [byte[]]::new($count)
    $at = 0
    while ($at -lt $count) {
        $got = $paceline_in.Read($bytes, $at, $count - $at)
        if ($got -eq 0) { exit 125 }
        $at += $got
    }
    return [Text.Encoding]::UTF8.GetString($bytes)
}
$paceline_length = [Convert]::ToInt32((paceline_take 9).Trim(), 16)
. ([ScriptBlock]::Create((paceline_take $paceline_length)))
