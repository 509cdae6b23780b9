//! The report page in a real browser.

mod browser;
mod sample;

use std::error::Error;

use engine::report::page::Page;

type Checked = Result<(), Box<dyn Error>>;

fn check(name: &str, page: &Page) -> Result<browser::PageChecks, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join(format!("{name}.html"));
    std::fs::write(&path, page.render())?;
    browser::check_page(&path)
}

#[test]
fn a_rich_report_works_at_desktop_and_phone_width_in_both_schemes() -> Checked {
    if !browser::available() {
        return Ok(());
    }
    let page = sample::rich();
    let checks = check("rich", &page)?;
    assert!(checks.problems().is_empty(), "{}", browser::report(&checks));
    assert_eq!(checks.views.len(), 4);
    for view in &checks.views {
        assert_eq!(
            view.drawings.len(),
            page.figures.len() + 1,
            "{}: every figure and the graph",
            view.name
        );
        assert_eq!(
            view.collapsibles.len(),
            page.steps.len() + 1,
            "{}: every step and the folded tables",
            view.name
        );
        assert_eq!(view.sorts, Some(true), "{}", view.name);
    }
    Ok(())
}

#[test]
fn a_report_of_one_step_works() -> Checked {
    if !browser::available() {
        return Ok(());
    }
    let checks = check("tiny", &sample::tiny())?;
    assert!(checks.problems().is_empty(), "{}", browser::report(&checks));
    Ok(())
}

#[test]
fn an_empty_report_works() -> Checked {
    if !browser::available() {
        return Ok(());
    }
    let checks = check("empty", &Page::default())?;
    assert!(checks.problems().is_empty(), "{}", browser::report(&checks));
    Ok(())
}

#[test]
fn a_page_that_misbehaves_is_found_out() -> Checked {
    if !browser::available() {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("bad.html");
    let page = "<!doctype html><title>bad</title><link rel=\"icon\" href=\"data:,\"><p style=\"width:2000px\">wide</p>\
                <script>console.warn('careful'); fetch('http://127.0.0.1:9/x').catch(() => {}); undefined.x</script>";
    std::fs::write(&path, page)?;
    let problems = browser::check_page(&path)?.problems();
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
    Ok(())
}
