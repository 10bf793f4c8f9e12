//! Markdown and HTML → the text they mark up. A line end stays only where it ends a sentence.

use super::entities;

/// HTML elements that start a new line.
const BLOCKS: &[&str] = &[
    "br",
    "p",
    "div",
    "li",
    "ul",
    "ol",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "tr",
    "table",
    "hr",
    "pre",
    "blockquote",
    "section",
    "article",
    "title",
];

/// The text without its markup.
pub(super) fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fenced = false;
    for line in text.split(['\n', '\r', '\u{2028}', '\u{2029}', '\u{85}']) {
        let trimmed = line.trim();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            fenced = !fenced;
            // The language after the opening fence is no content; anything else on that line is.
            let rest = trimmed.trim_matches(['`', '~']);
            let content = !fenced || rest.contains(char::is_whitespace) || has_digit(rest);
            end_line(&mut out, true);
            if content {
                inline(rest, &mut out);
                end_line(&mut out, true);
            }
            continue;
        }
        if fenced {
            out.push_str(line);
            end_line(&mut out, true);
            continue;
        }
        if is_rule(trimmed) {
            end_line(&mut out, true);
            continue;
        }
        let (block, content) = block_prefix(trimmed);
        let row = content.starts_with('|') || content.ends_with('|') && content.len() > 1;
        // A line that goes on in lowercase is one sentence wrapped at the margin.
        let wrapped = !block && !row && content.starts_with(|c: char| c.is_lowercase());
        if !out.is_empty() && !out.ends_with('\n') {
            if wrapped { out.push(' ') } else { end_line(&mut out, true) }
        }
        inline(content, &mut out);
        if block || row || content.is_empty() {
            end_line(&mut out, true);
        }
    }
    out
}

fn has_digit(s: &str) -> bool {
    s.contains(|c: char| c.is_ascii_digit())
}

fn end_line(out: &mut String, hard: bool) {
    if hard && !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

/// A line of dashes, stars, underscores, equals signs, or the line under a table's head.
fn is_rule(line: &str) -> bool {
    let marks = line.chars().filter(|c| "-*_=".contains(*c)).count();
    marks >= 3 && line.chars().all(|c| "-*_=|:+ ".contains(c))
}

/// Takes quote marks, heading marks and bullets off a line; whether there were any that make it a block of its own.
fn block_prefix(line: &str) -> (bool, &str) {
    let mut line = line;
    while let Some(rest) = line.strip_prefix('>') {
        line = rest.trim_start();
    }
    let hashes = line.bytes().take_while(|b| *b == b'#').count();
    if (1..=6).contains(&hashes) {
        let rest = &line[hashes..];
        if rest.is_empty() || rest.starts_with(' ') {
            return (true, rest.trim().trim_end_matches('#').trim_end());
        }
    }
    for bullet in ["- ", "* ", "+ ", "• ", "– ", "◦ ", "▪ "] {
        if let Some(rest) = line.strip_prefix(bullet) {
            let rest = rest.trim_start();
            // "- 5" is a list; a sum like "+ 5" on a line of its own is rarer.
            let task = ["[ ] ", "[x] ", "[X] "].iter().find_map(|t| rest.strip_prefix(t));
            return (true, task.unwrap_or(rest));
        }
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let numbered = (1..=3).contains(&digits) && (line[digits..].starts_with(". ") || line[digits..].starts_with(") "));
    (numbered, line)
}

/// Inline markup of one line.
fn inline(line: &str, out: &mut String) {
    // "1. First" keeps its number, with a pause after it.
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let mut at = 0;
    if (1..=3).contains(&digits) && (line[digits..].starts_with(". ") || line[digits..].starts_with(") ")) {
        out.push_str(&line[..digits]);
        out.push(',');
        at = digits + 1;
    }
    let mut before = ' ';
    // The closing bracket of a link and what is to be skipped there.
    let mut skips: Vec<(usize, usize)> = Vec::new();
    while let Some(c) = line[at..].chars().next() {
        let rest = &line[at..];
        let after = rest[c.len_utf8()..].chars().next().unwrap_or(' ');
        if let Some(i) = skips.iter().position(|s| s.0 == at) {
            at = skips.swap_remove(i).1;
            before = ')';
            continue;
        }
        let mut step = c.len_utf8();
        match c {
            '\\' if after.is_ascii_punctuation() && after != '\\' => {
                out.push(after);
                step += 1;
            }
            '&' => match entities::decode(rest) {
                Some((decoded, n)) => {
                    out.push(decoded);
                    step = n;
                }
                None => out.push('&'),
            },
            '<' => match tag(rest) {
                Some((said, n)) => {
                    out.push_str(&said);
                    step = n;
                }
                None => out.push('<'),
            },
            '!' if after == '[' && link(&rest[1..]).is_some() => {}
            '[' => match link(rest) {
                Some((close, end)) => skips.push((at + close, at + end)),
                None => out.push('['),
            },
            '*' if !(before.is_alphanumeric() && after.is_alphanumeric() || before == ' ' && after == ' ') => {}
            '*' if before.is_alphabetic() && after.is_alphabetic() => {}
            '_' if !(before.is_alphanumeric() && after.is_alphanumeric()) => {
                if before == '_' || after == '_' || before != ' ' && after != ' ' {
                    out.push(' ');
                }
            }
            '~' if after == '~' => step += 1,
            '`' => {}
            '|' => out.push_str(", "),
            _ => out.push(c),
        }
        before = c;
        at += step;
    }
}

/// `[text](target)` or `[text][name]`: where the text ends and where the link ends.
fn link(rest: &str) -> Option<(usize, usize)> {
    let close = rest.bytes().take(400).position(|b| b == b']')?;
    let open = *rest.as_bytes().get(close + 1)?;
    let wanted = match open {
        b'(' => b')',
        b'[' => b']',
        _ => return None,
    };
    let target = rest.as_bytes().get(close + 2..)?;
    let mut depth = 1;
    for (i, &b) in target.iter().take(2000).enumerate() {
        if b == wanted {
            depth -= 1;
        } else if b == open {
            depth += 1;
        }
        if depth == 0 {
            return Some((close, close + 3 + i));
        }
    }
    None
}

/// An HTML tag or `<address>` at the start: what it says and its length.
fn tag(rest: &str) -> Option<(String, usize)> {
    let body = &rest[1..];
    if !body.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
        return None;
    }
    let end = body.bytes().take(500).position(|b| b == b'>' || b == b'<')?;
    if body.as_bytes().get(end) != Some(&b'>') {
        return None;
    }
    let inside = &body[..end];
    let length = end + 2;
    if inside.contains("://") && !inside.contains(' ') || inside.contains('@') && !inside.contains('=') {
        return Some((inside.to_owned(), length));
    }
    let name: String = inside.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    let gap = if BLOCKS.contains(&name.as_str()) {
        "\n"
    } else if name == "td" || name == "th" {
        ", "
    } else {
        ""
    };
    Some((gap.to_owned(), length))
}
