# Parts of XML files, named by an XPath, with System.Xml (learn.microsoft.com/dotnet/api/system.xml.xmldocument). A file
# with a document type is refused, so that no entity is ever resolved. Encoding, byte order mark, declaration, line ends and
# blanks of the file stay; quotes and empty elements are written as System.Xml does.

$script:pw_xml_limit = 16777216

# TEXT: as a document with all its blanks.
function pw_xml_parse($text) {
    $settings = [Xml.XmlReaderSettings]::new()
    $settings.DtdProcessing = [Xml.DtdProcessing]::Prohibit
    $settings.XmlResolver = $null
    $settings.MaxCharactersInDocument = $script:pw_xml_limit
    $document = [Xml.XmlDocument]::new()
    $document.XmlResolver = $null
    $document.PreserveWhitespace = $true
    $reader = [Xml.XmlReader]::Create([IO.StringReader]::new($text), $settings)
    try { $document.Load($reader) } finally { $reader.Dispose() }
    return $document
}

# BYTES: how they are text: an encoding that fails at what it cannot read, and the length of the mark in front.
function pw_xml_encoding($bytes) {
    $head = [BitConverter]::ToString($bytes, 0, [Math]::Min(4, $bytes.Length))
    if ($head.StartsWith('EF-BB-BF')) { return @{ encoding = [Text.UTF8Encoding]::new($false, $true); mark = 3 } }
    if ($head.StartsWith('FF-FE')) { return @{ encoding = [Text.UnicodeEncoding]::new($false, $false, $true); mark = 2 } }
    if ($head.StartsWith('FE-FF')) { return @{ encoding = [Text.UnicodeEncoding]::new($true, $false, $true); mark = 2 } }
    $start = [Text.Encoding]::ASCII.GetString($bytes, 0, [Math]::Min(200, $bytes.Length))
    $found = [regex]::Match($start, '^<\?xml[^>]*\sencoding\s*=\s*["'']([A-Za-z][A-Za-z0-9._-]{0,39})["'']')
    if (-not $found.Success -or $found.Groups[1].Value -eq 'utf-8') {
        return @{ encoding = [Text.UTF8Encoding]::new($false, $true); mark = 0 }
    }
    $strict = [Text.Encoding]::GetEncoding($found.Groups[1].Value, [Text.EncoderFallback]::ExceptionFallback,
        [Text.DecoderFallback]::ExceptionFallback)
    return @{ encoding = $strict; mark = 0 }
}

# DOCUMENT TEXT: the document as text, with the declaration and line ends that TEXT has.
function pw_xml_text($document, $text) {
    $settings = [Xml.XmlWriterSettings]::new()
    $settings.OmitXmlDeclaration = $true
    $settings.NewLineHandling = [Xml.NewLineHandling]::Replace
    $settings.NewLineChars = "`n"
    if ($text.Contains("`r`n")) { $settings.NewLineChars = "`r`n" }
    $into = [IO.StringWriter]::new()
    $writer = [Xml.XmlWriter]::Create($into, $settings)
    try { $document.Save($writer) } finally { $writer.Dispose() }
    return [regex]::Match($text, '^<\?xml\s[^>]*\?>').Value + $into.ToString()
}

# DOCUMENT XPATH: the nodes it finds. The prefixes are those that the root declares.
function pw_xml_nodes($document, $xpath) {
    $names = [Xml.XmlNamespaceManager]::new($document.NameTable)
    foreach ($attribute in $document.DocumentElement.Attributes) {
        if ($attribute.Prefix -ceq 'xmlns') { $names.AddNamespace($attribute.LocalName, $attribute.Value) }
    }
    try {
        $found = $document.SelectNodes($xpath, $names)
        $nodes = [Collections.Generic.List[object]]::new()
        foreach ($node in $found) { $nodes.Add($node) }
    } catch {
        throw ("``{0}`` is no XPath that this file can be asked: {1}" -f $xpath, (pw_reason $_)) +
            "`nhint: a default namespace has no prefix in XPath 1.0: ask for ``*[local-name()='NAME']``"
    }
    return , $nodes.ToArray()
}

# DOCUMENT SOURCE: a copy for the document. What has no namespace of its own gets the one of the root.
function pw_xml_copy($document, $source) {
    $space = $source.NamespaceURI
    if ($space -ceq '') { $space = $document.DocumentElement.NamespaceURI }
    $prefix = $source.Prefix
    if ($prefix -ceq '' -and $space -cne '') { $prefix = $document.DocumentElement.GetPrefixOfNamespace($space) }
    $made = $document.CreateElement($prefix, $source.LocalName, $space)
    foreach ($attribute in $source.Attributes) {
        if ($attribute.Name -ceq 'xmlns') { continue }
        [void]$made.SetAttribute($attribute.LocalName, $attribute.NamespaceURI, $attribute.Value)
    }
    foreach ($child in $source.ChildNodes) {
        if ($child.NodeType -eq [Xml.XmlNodeType]::Element) {
            [void]$made.AppendChild((pw_xml_copy $document $child))
        } elseif ($child.NodeType -ne [Xml.XmlNodeType]::Whitespace) {
            [void]$made.AppendChild($document.ImportNode($child, $true))
        }
    }
    return $made
}

# NODE: what counts of it when it is compared: names, attributes in any order, elements and text.
function pw_xml_shape($node) {
    $text = [Text.StringBuilder]::new()
    [void]$text.Append('<{').Append($node.NamespaceURI).Append('}').Append($node.LocalName)
    $attributes = [Collections.Generic.List[string]]::new()
    foreach ($attribute in $node.Attributes) {
        if ($attribute.Name -ceq 'xmlns' -or $attribute.Prefix -ceq 'xmlns') { continue }
        $attributes.Add('{' + $attribute.NamespaceURI + '}' + $attribute.LocalName + '=' + (pw_pack $attribute.Value))
    }
    $attributes.Sort([StringComparer]::Ordinal)
    foreach ($word in $attributes) { [void]$text.Append(' ').Append($word) }
    [void]$text.Append('>')
    foreach ($child in $node.ChildNodes) {
        if ($child.NodeType -eq [Xml.XmlNodeType]::Element) {
            [void]$text.Append((pw_xml_shape $child))
        } elseif (@([Xml.XmlNodeType]::Text, [Xml.XmlNodeType]::CDATA) -contains $child.NodeType) {
            [void]$text.Append((pw_pack $child.Value.Trim()))
        }
    }
    return $text.Append('</>').ToString()
}

# NODE WANTED: puts it behind the last child, in a line of its own if that child has one; false where it is there already.
function pw_xml_add($node, $wanted) {
    $shape = pw_xml_shape $wanted
    $elements = 0
    foreach ($child in $node.ChildNodes) {
        if ($child.NodeType -ne [Xml.XmlNodeType]::Element) { continue }
        $elements++
        if ((pw_xml_shape $child) -ceq $shape) { return $false }
    }
# A node without elements may be the one that is meant.
    if ($elements -eq 0 -and (pw_xml_shape $node) -ceq $shape) { return $false }
    $last = $node.LastChild
    $blank = $null
    if ($null -ne $last -and $last.NodeType -eq [Xml.XmlNodeType]::Whitespace) {
        $first = $node.FirstChild
        $blank = $node.OwnerDocument.CreateWhitespace($last.Value)
        if ($first.NodeType -eq [Xml.XmlNodeType]::Whitespace) { $last.Value = $first.Value }
    }
    [void]$node.AppendChild($wanted)
    if ($null -ne $blank) { [void]$node.AppendChild($blank) }
    return $true
}

# NODE: removes it with the blanks in front of it.
function pw_xml_remove($node) {
    if ($node.NodeType -eq [Xml.XmlNodeType]::Attribute) {
        [void]$node.OwnerElement.RemoveAttributeNode($node)
        return
    }
    $above = $node.ParentNode
    if ($null -eq $above -or $above.NodeType -eq [Xml.XmlNodeType]::Document) {
        throw "the XPath finds the root of the document, which cannot be removed`nhint: ``win_file: state=absent`` removes the file"
    }
    $before = $node.PreviousSibling
    if ($null -ne $before -and $before.NodeType -eq [Xml.XmlNodeType]::Whitespace) { [void]$above.RemoveChild($before) }
    [void]$above.RemoveChild($node)
}

# ARGUMENTS NODE: an attribute: true where something changed.
function pw_xml_attribute($a, $node) {
    $name = pl_arg $a 'attribute'
    $value = [string](pl_arg $a 'fragment')
    $present = (pl_arg $a 'want') -ceq 'present'
    if ($node.NodeType -eq [Xml.XmlNodeType]::Attribute) {
        if ($node.Name -cne $name) { return $false }
        if (-not $present) { pw_xml_remove $node; return $true }
        if ($node.Value -ceq $value) { return $false }
        $node.Value = $value
        return $true
    }
    if ($node.NodeType -ne [Xml.XmlNodeType]::Element) { throw 'the XPath finds what has no attributes' }
    if (-not $node.HasAttribute($name)) {
        if ($present) { [void]$node.SetAttribute($name, $value) }
        return $present
    }
    if (-not $present) { [void]$node.RemoveAttribute($name); return $true }
    if ($node.GetAttribute($name) -ceq $value) { return $false }
    [void]$node.SetAttribute($name, $value)
    return $true
}

# ARGUMENTS DOCUMENT NODES: changes the document; how many nodes were changed.
function pw_xml_change($a, $document, $nodes) {
    $type = pl_arg $a 'type'
    $present = (pl_arg $a 'want') -ceq 'present'
    $count = 0
    $wanted = $null
    if ($type -ceq 'element' -and $present) {
        try {
            $wanted = (pw_xml_parse (pl_arg $a 'fragment')).DocumentElement
        } catch {
            throw '`fragment` is no element: ' + (pw_reason $_)
        }
    }
    foreach ($node in $nodes) {
        $did = $false
        if ($type -ceq 'attribute') {
            $did = pw_xml_attribute $a $node
        } elseif ($type -ceq 'text') {
            $value = [string](pl_arg $a 'fragment')
            $did = $node.InnerText -cne $value
            if ($did) { $node.InnerText = $value }
        } elseif (-not $present) {
            pw_xml_remove $node
            $did = $true
        } else {
            $into = $node
            if ($node.NodeType -eq [Xml.XmlNodeType]::Document) { $into = $node.DocumentElement }
            if ($into.NodeType -ne [Xml.XmlNodeType]::Element) { throw 'the XPath finds what cannot hold an element' }
            $did = pw_xml_add $into (pw_xml_copy $document $wanted)
        }
        if ($did) { $count++ }
    }
    return $count
}

# path xpath want type [fragment] [attribute] [count] [backup] [check] [diff]: see the module. Reports `count`, `changed`,
# `backup_file`, and `old` and `new` for a difference.
function pw_xml($a) {
    $path = pw_path (pl_arg $a 'path')
    if ((pw_kind $path) -cne 'file') { return pl_fail "``$path`` is not there, or no file" }
    if ([IO.FileInfo]::new($path).Length -gt $script:pw_xml_limit) { return pl_fail "``$path`` is larger than 16 MiB" }
    $bytes = [IO.File]::ReadAllBytes($path)
    $how = pw_xml_encoding $bytes
    try {
        $text = $how.encoding.GetString($bytes, $how.mark, $bytes.Length - $how.mark)
        $document = pw_xml_parse $text
    } catch {
        return pl_fail ('`{0}` cannot be read as XML: {1}' -f $path, (pw_reason $_))
    }
    $nodes = pw_xml_nodes $document (pl_arg $a 'xpath')
    [void](pl_v 'count' ([string]$nodes.Length))
    if ((pl_flag $a 'only_count') -or $nodes.Length -eq 0) { return 0 }
    if ((pw_xml_change $a $document $nodes) -eq 0) { return 0 }
    [void](pl_v 'changed' '1')
    $body = $how.encoding.GetBytes((pw_xml_text $document $text))
    $new = [byte[]]::new($how.mark + $body.Length)
    [Array]::Copy($bytes, $new, $how.mark)
    [Array]::Copy($body, 0, $new, $how.mark, $body.Length)
    if ((pl_flag $a 'diff') -and $bytes.Length -le 1048576 -and $new.Length -le 1048576) {
        pl_b 'old' $bytes
        pl_b 'new' $new
    }
    if (pl_flag $a 'check') { return 0 }
    if (pl_flag $a 'backup') { pw_put_backup $path }
    $digest = pw_hex ([Security.Cryptography.SHA256]::Create().ComputeHash($new))
    $stream = [IO.MemoryStream]::new($new, $false)
    try { pw_put_stream $path 'file' $stream $new.Length $digest } finally { $stream.Dispose() }
    return 0
}
