//! The report page in a real browser.

mod browser;
mod sample;

use engine::report::page::Page;

fn check(name: &str, page: &Page) -> browser::PageChecks {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("{name}.html"));
    std::fs::write(&path, page.render()).unwrap();
    browser::check_page(&path).unwrap()
}

#[test]
fn a_rich_report_works_at_desktop_and_phone_width_in_both_schemes() {
    if !browser::available() {
        return;
    }
    let page = sample::rich();
    let checks = check("rich", &page);
    assert!(checks.problems().is_empty(), "{}", browser::report(&checks));
    assert_eq!(checks.views.len(), 4);
    for view in &checks.views {
        assert_eq!(
            view.drawings.len(),
            page.figures.len() + 1,
            "{}: every figure and the graph",
            view.name
        );
        assert_eq!(view.collapsibles.len(), page.steps.len(), "{}", view.name);
        assert_eq!(view.sorts, Some(true), "{}", view.name);
    }
}

#[test]
fn a_report_of_one_step_works() {
    if !browser::available() {
        return;
    }
    let checks = check("tiny", &sample::tiny());
    assert!(checks.problems().is_empty(), "{}", browser::report(&checks));
}

#[test]
fn an_empty_report_works() {
    if !browser::available() {
        return;
    }
    let checks = check("empty", &Page::default());
    assert!(checks.problems().is_empty(), "{}", browser::report(&checks));
}

#[test]
fn a_page_that_misbehaves_is_found_out() {
    if !browser::available() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.html");
    let page = "<!doctype html><title>bad</title><link rel=\"icon\" href=\"data:,\"><p style=\"width:2000px\">wide</p>\
                <script>console.warn('careful'); fetch('http://127.0.0.1:9/x').catch(() => {}); undefined.x</script>";
    std::fs::write(&path, page).unwrap();
    let problems = browser::check_page(&path).unwrap().problems();
    for expected in [
        "careful",
        "requests http://127.0.0.1:9/x",
        "wide in a window",
        "TypeError",
    ] {
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{expected}: {problems:#?}"
        );
    }
}
