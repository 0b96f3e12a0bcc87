# Completion of kubectl-imageupdate for PowerShell: kubectl-imageupdate completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName 'kubectl-imageupdate' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $words = @()
    foreach ($element in $commandAst.CommandElements) {
        if ($element.Extent.EndOffset -lt $cursorPosition -or
            ($element.Extent.EndOffset -eq $cursorPosition -and $wordToComplete -eq '')) {
            $words += $element.Extent.Text
        }
    }
    $program = $words[0]
    $typed = @($words | Select-Object -Skip 1) + "$wordToComplete"
    # Windows PowerShell drops empty arguments unless they are quoted.
    if ($PSVersionTable.PsVersion -lt [version]'7.3.0' -or $PSNativeCommandArgumentPassing -eq 'Legacy') {
        $typed = $typed | ForEach-Object { if ($_ -eq '') { '""' } else { $_ } }
    }
    # The value behind --flag= is answered alone; PowerShell wants the whole word.
    $prefix = ''
    if ($wordToComplete -match '^(--[^=]*=)') { $prefix = $Matches[1] }
    $answers = & $program __complete @typed 2>$null
    foreach ($answer in $answers) {
        if ($answer -match '^:\d+$') { continue }
        $value, $description = $answer -split "`t", 2
        if (-not $description) { $description = $value }
        $text = "$prefix$value"
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $description)
    }
}
