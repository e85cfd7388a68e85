//! What every page has to be, whichever state it shows, and however it is looked at.

use serde_json::Value;

use crate::browser::Browser;

/// Texts whose contrast with what is behind them is less than WCAG 2.2 wants at level AA, and elements wider than the window.
const FAULTS: &str = r"
const luminance = color => {
    const parts = color.match(/[\d.]+/g).map(Number);
    const [r, g, b] = parts.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = element => {
    for (let e = element; e; e = e.parentElement) {
        const color = getComputedStyle(e).backgroundColor;
        if (!/, 0\)$/.test(color)) return color;
    }
    return getComputedStyle(document.documentElement).colorScheme.includes('dark') ? 'rgb(0,0,0)' : 'rgb(255,255,255)';
};
const faults = [];
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim(), element = texts.currentNode.parentElement;
    if (!text || ['STYLE', 'TITLE', 'title'].includes(element.tagName) || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const front = element instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [luminance(front), luminance(behind(element))].sort((a, b) => b - a);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faults.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
}
if (document.documentElement.scrollWidth > innerWidth) {
    for (const e of document.querySelectorAll('body *')) {
        if (e.getBoundingClientRect().right > innerWidth + 1) faults.push(`${e.tagName} ${e.className} is too wide`);
    }
}
return faults;
";

/// Elements that Tab comes to, in their order, each with whether it is seen that it is the one.
const FOCUSABLE: &str = "[...document.querySelectorAll('a[href], input, button, pre[tabindex]')].length";

/// Checks the page that is open.
pub(crate) fn is_sound(browser: &Browser, what: &str) {
    let faults = browser.call(FAULTS, Vec::new());
    assert_eq!(faults, Value::Array(Vec::new()), "{what}");
    let console = browser.console();
    assert!(console.is_empty(), "{what}: {console:#?}");
    let elsewhere: Vec<_> = browser
        .requests()
        .into_iter()
        .filter(|url| !url.starts_with("http://127.0.0.1:") && !url.starts_with("data:"))
        .collect();
    assert!(elsewhere.is_empty(), "{what} asks others: {elsewhere:?}");
    assert_eq!(browser.eval("document.querySelectorAll('script').length"), 0, "{what}");
}

/// What a screen reader says of it.
pub(crate) fn is_read_aloud(browser: &Browser, what: &str, banner: &str) {
    let nodes = browser.accessible();
    let of = |role: &str| nodes.iter().filter(|node| node.0 == role).map(|node| node.1.as_str()).collect::<Vec<_>>();
    for landmark in ["banner", "main", "contentinfo"] {
        assert_eq!(of(landmark).len(), 1, "{what}: {landmark} in {nodes:#?}");
    }
    let headings = of("heading");
    assert!(headings.first().is_some_and(|first| first.contains(banner)), "{what}: {headings:?}");
    assert_eq!(browser.eval("document.querySelectorAll('h1').length"), 1, "{what}");
    for role in ["link", "button", "searchbox", "textbox", "image", "navigation", "columnheader", "rowheader"] {
        let nameless = of(role).iter().filter(|name| name.is_empty()).count();
        // The one above bars that are for the eye alone.
        assert!(nameless == 0, "{what}: {nameless} of {role} without a name: {nodes:#?}");
    }
}

/// All of it is reached by keyboard, and it is seen where one is.
pub(crate) fn is_walked_by_keyboard(browser: &Browser, what: &str) {
    let all = browser.eval(FOCUSABLE).as_u64().unwrap();
    let mut places = Vec::new();
    for _ in 0..all {
        browser.press("Tab");
        let place = browser.eval(
            "(e => [e.tagName, getComputedStyle(e).outlineStyle != 'none', e.getBoundingClientRect().left >= 0, \
             [...document.querySelectorAll('a[href], input, button, pre[tabindex]')].indexOf(e)])(document.activeElement)",
        );
        assert!(place[1] == true && place[2] == true, "{what}: {place}");
        places.push(place[3].as_u64().unwrap());
    }
    assert_eq!(places, (0..all).collect::<Vec<_>>(), "{what}");
}
