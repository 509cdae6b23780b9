//! Opens pages in headless Chromium, over the DevTools protocol on a pipe.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Longest wait for any answer of the browser.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a page did in the browser, in each of its views.
#[derive(Debug)]
pub struct PageChecks {
    pub views: Vec<View>,
}

/// What a page did at one width and in one colour scheme.
#[derive(Debug)]
pub struct View {
    /// Such as `desktop, dark`.
    pub name: String,
    /// Errors, warnings and all else on the console, and uncaught exceptions.
    pub console: Vec<String>,
    /// Addresses of requests other than for the page itself and `data:`.
    pub requests: Vec<String>,
    /// Width of the window's inside and of the content, in pixels.
    pub inner_width: f64,
    pub scroll_width: f64,
    /// Size of each drawing that is meant to show in this view.
    pub drawings: Vec<(f64, f64)>,
    /// For each collapsible, whether a click opened it and another closed it.
    pub collapsibles: Vec<bool>,
    /// Whether a click on a table's header sorted it; none without such a table.
    pub sorts: Option<bool>,
    /// Pairs of texts within a drawing that overlap.
    pub overlaps: Vec<String>,
    /// Texts that reach beyond their drawing.
    pub cut_off: Vec<String>,
}

impl PageChecks {
    /// What is wrong with the page, in sentences; empty if nothing is.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for view in &self.views {
            let mut problem = |text: String| problems.push(format!("{}: {text}", view.name));
            view.console
                .iter()
                .for_each(|message| problem(format!("the console says {message}")));
            view.requests
                .iter()
                .for_each(|url| problem(format!("it requests {url}")));
            if view.scroll_width > view.inner_width {
                problem(format!(
                    "it is {} wide in a window of {}",
                    view.scroll_width, view.inner_width
                ));
            }
            if view
                .drawings
                .iter()
                .any(|(width, height)| *width < 40.0 || *height < 20.0)
            {
                problem(format!("a drawing has no size: {:?}", view.drawings));
            }
            if view.collapsibles.contains(&false) {
                problem("a collapsible does not open and close".to_owned());
            }
            if view.sorts == Some(false) {
                problem("a click on a table's header does not sort it".to_owned());
            }
            view.overlaps
                .iter()
                .for_each(|texts| problem(format!("texts overlap: {texts}")));
            view.cut_off
                .iter()
                .for_each(|text| problem(format!("a text is cut off: {text}")));
        }
        problems
    }
}

/// Whether a browser is there to test with. Without one the test that asked is to return: this says so on its output,
/// or panics if `ENGINE_REQUIRE_CHROMIUM` is 1.
pub fn available() -> bool {
    if executable().is_some() {
        return true;
    }
    assert!(
        std::env::var("ENGINE_REQUIRE_CHROMIUM").as_deref() != Ok("1"),
        "ENGINE_REQUIRE_CHROMIUM is 1, but there is no chromium, google-chrome or chrome in PATH"
    );
    eprintln!("skipped: there is no chromium, google-chrome or chrome in PATH");
    false
}

/// Opens the HTML file at `path` at desktop and phone width, light and dark, and looks at what happens. If
/// `ENGINE_SCREENSHOTS` names a directory, the page and pictures of its views are left there.
pub fn check_page(path: &Path) -> Result<PageChecks> {
    let path = path.canonicalize()?;
    let mut browser = Browser::start()?;
    let mut views = Vec::new();
    for (device, width, height, mobile) in
        [("desktop", 1280, 900, false), ("phone", 360, 780, true)]
    {
        for scheme in ["light", "dark"] {
            let name = format!("{device}, {scheme}");
            browser.resize(width, height, mobile, scheme)?;
            views.push(browser.view(name, &path, width)?);
            if let Ok(directory) = std::env::var("ENGINE_SCREENSHOTS") {
                std::fs::copy(
                    &path,
                    Path::new(&directory).join(path.file_name().unwrap_or_default()),
                )?;
                let stem = path
                    .file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned())
                    .unwrap_or_default();
                browser.screenshot(
                    &Path::new(&directory).join(format!("{stem}-{device}-{scheme}.png")),
                )?;
            }
        }
    }
    Ok(PageChecks { views })
}

fn executable() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
        "chrome",
    ];
    std::env::split_paths(&path)
        .flat_map(|dir| names.map(|name| dir.join(name)))
        .find(|file| file.is_file())
}

struct Browser {
    process: Child,
    commands: ChildStdin,
    answers: Receiver<Value>,
    next_id: u64,
    session: String,
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to close, it ends its helper processes too; killed, it would leave them to notice.
        let _ = self.send("Browser.close", json!({}));
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    fn start() -> Result<Self> {
        let executable = executable().ok_or("no browser in PATH")?;
        let profile = tempfile::tempdir()?;
        // Chromium reads commands from descriptor 3 and answers on 4; the shell puts the pipes there.
        let mut process = Command::new("sh")
            .args([
                "-c",
                "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null",
            ])
            .arg(executable)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args([
                "--remote-debugging-pipe",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                "about:blank",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let commands = process.stdin.take().ok_or("no pipe to the browser")?;
        let output = process.stdout.take().ok_or("no pipe from the browser")?;
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output)
                .split(0)
                .map_while(std::io::Result::ok)
            {
                if let Ok(message) = serde_json::from_slice(&message)
                    && sender.send(message).is_err()
                {
                    break;
                }
            }
        });
        let mut browser = Self {
            process,
            commands,
            answers,
            next_id: 1,
            session: String::new(),
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))?;
        let attached = browser.call(
            "Target.attachToTarget",
            json!({"targetId": target["targetId"], "flatten": true}),
        )?;
        browser.session = attached["sessionId"]
            .as_str()
            .ok_or("no session")?
            .to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(browser)
    }

    fn send(&mut self, method: &str, parameters: Value) -> Result<u64> {
        let id = self.next_id;
        self.next_id += 1;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() && !method.starts_with("Browser.") {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.commands.write_all(&bytes)?;
        self.commands.flush()?;
        Ok(id)
    }

    fn receive(&self) -> Result<Value> {
        self.answers
            .recv_timeout(PATIENCE)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => "the browser does not answer".into(),
                RecvTimeoutError::Disconnected => "the browser has ended".into(),
            })
    }

    fn call(&mut self, method: &str, parameters: Value) -> Result<Value> {
        let id = self.send(method, parameters)?;
        loop {
            let mut message = self.receive()?;
            if message["id"] == json!(id) {
                if !message["error"].is_null() {
                    return Err(format!("{method}: {}", message["error"]).into());
                }
                return Ok(message["result"].take());
            }
            self.events.push(message);
        }
    }

    fn resize(&mut self, width: u32, height: u32, mobile: bool, scheme: &str) -> Result<()> {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}),
        )?;
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}))?;
        Ok(())
    }

    fn view(&mut self, name: String, path: &Path, width: u32) -> Result<View> {
        self.events.clear();
        let url = format!("file://{}", path.display());
        self.call("Page.navigate", json!({"url": url}))?;
        while !self
            .events
            .iter()
            .any(|event| event["method"] == "Page.loadEventFired")
        {
            let event = self.receive()?;
            self.events.push(event);
        }
        let probe = self.evaluate(include_str!("probe.js"))?;
        let (console, requests) = self.noise(&url);
        let size = |value: &Value| {
            (
                value[0].as_f64().unwrap_or(0.0),
                value[1].as_f64().unwrap_or(0.0),
            )
        };
        let list = |name: &str| probe[name].as_array().cloned().unwrap_or_default();
        let texts = |name: &str| list(name).iter().map(Value::to_string).collect();
        Ok(View {
            name,
            console,
            requests,
            inner_width: f64::from(width),
            scroll_width: probe["scrollWidth"].as_f64().unwrap_or(f64::INFINITY),
            drawings: list("drawings").iter().map(size).collect(),
            collapsibles: list("collapsibles")
                .iter()
                .map(|works| works == &json!(true))
                .collect(),
            sorts: probe["sorts"].as_bool(),
            overlaps: texts("overlaps"),
            cut_off: texts("cutOff"),
        })
    }

    fn evaluate(&mut self, script: &str) -> Result<Value> {
        let parameters = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", parameters)?;
        if answer["exceptionDetails"].is_null() {
            Ok(answer["result"]["value"].take())
        } else {
            Err(format!("the probe failed: {}", answer["exceptionDetails"]).into())
        }
    }

    /// What the page wrote to the console and what it requested.
    fn noise(&self, url: &str) -> (Vec<String>, Vec<String>) {
        let (mut console, mut requests) = (Vec::new(), Vec::new());
        for event in &self.events {
            let parameters = &event["params"];
            match event["method"].as_str() {
                Some("Runtime.consoleAPICalled") => console.push(parameters["args"].to_string()),
                Some("Runtime.exceptionThrown") => {
                    console.push(parameters["exceptionDetails"].to_string())
                }
                Some("Log.entryAdded") => console.push(parameters["entry"]["text"].to_string()),
                Some("Network.requestWillBeSent") => {
                    let requested = parameters["request"]["url"].as_str().unwrap_or_default();
                    if !requested.starts_with("data:") && requested.split('#').next() != Some(url) {
                        requests.push(requested.to_owned());
                    }
                }
                _ => {}
            }
        }
        (console, requests)
    }

    fn screenshot(&mut self, file: &Path) -> Result<()> {
        let answer = self.call(
            "Page.captureScreenshot",
            json!({"captureBeyondViewport": true}),
        )?;
        let data = answer["data"].as_str().ok_or("no picture")?;
        std::fs::write(file, from_base64(data))?;
        Ok(())
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text
        .bytes()
        .filter_map(|byte| DIGITS.iter().position(|&digit| digit == byte));
    let (mut bytes, mut buffer, mut bits) = (Vec::with_capacity(text.len()), 0usize, 0);
    for digit in digits {
        buffer = (buffer << 6 | digit) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits & 0xff) as u8);
        }
    }
    bytes
}

/// All problems of the page as one text, for an assertion's message.
pub fn report(checks: &PageChecks) -> String {
    checks
        .problems()
        .iter()
        .fold(String::new(), |mut text, problem| {
            let _ = writeln!(text, "{problem}");
            text
        })
}
