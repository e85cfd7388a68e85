//! A Chromium without a window, and what is asked of it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Bounds every wait; nothing that works comes near it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends with the value.
pub(crate) struct Browser {
    runtime: Runtime,
    client: Client,
    driver: Child,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) dark: bool,
}

impl Look {
    /// A screen and a phone, by day and by night.
    pub(crate) const ALL: [Self; 4] = [
        Self { width: 1280, dark: false },
        Self { width: 1280, dark: true },
        Self { width: 360, dark: false },
        Self { width: 360, dark: true },
    ];

    pub(crate) fn name(self) -> String {
        let device = if self.width < 600 { "phone" } else { "screen" };
        format!("{device}-{}", if self.dark { "dark" } else { "light" })
    }
}

impl Browser {
    pub(crate) fn start() -> Self {
        let program = std::env::var_os("ACTIX_EXPORTER_TEST_DRIVER").expect("set by the suite");
        let mut driver = Command::new(program).arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let port = line.split_once("started successfully on port ")?.1;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = port.expect("it says where it listens");
        // What it says besides is nobody's, but must be taken.
        std::thread::spawn(move || lines.for_each(drop));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // As root, and in a namespace, it has no sandbox of its own.
        let args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];
        let capabilities = json!({
            "goog:chromeOptions": { "args": args },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let connect = async {
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities)
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
        };
        let client = runtime.block_on(connect).unwrap();
        Self { runtime, client, driver }
    }

    pub(crate) fn open(&self, url: &str) {
        self.runtime.block_on(self.client.goto(url)).unwrap();
    }

    /// The value of an expression of JavaScript.
    pub(crate) fn eval(&self, expression: &str) -> Value {
        self.call(&format!("return ({expression})"), Vec::new())
    }

    /// What a function body returns, for `arguments`.
    pub(crate) fn call(&self, body: &str, arguments: Vec<Value>) -> Value {
        self.runtime.block_on(self.client.execute(body, arguments)).unwrap()
    }

    /// Until an expression is true.
    pub(crate) fn wait_until(&self, expression: &str) {
        let start = Instant::now();
        // In the middle of a change of pages there is none to ask.
        while self.runtime.block_on(self.client.execute(&format!("return ({expression})"), Vec::new())).ok()
            != Some(true.into())
        {
            assert!(start.elapsed() < PATIENCE, "never: {expression}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A command of the DevTools protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.runtime.block_on(self.client.issue_cmd(Extension { path: "goog/cdp/execute", body })).unwrap()
    }

    pub(crate) fn look(&self, look: Look) {
        let metrics = json!({ "width": look.width, "height": 800, "deviceScaleFactor": 1, "mobile": look.width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = json!({ "name": "prefers-color-scheme", "value": if look.dark { "dark" } else { "light" } });
        self.devtools("Emulation.setEmulatedMedia", &json!({ "media": "", "features": [scheme] }));
    }

    /// The whole page, into the folder of the suite.
    pub(crate) fn picture(&self, name: &str) -> Vec<u8> {
        let shot = self.devtools("Page.captureScreenshot", &json!({ "format": "png", "captureBeyondViewport": true }));
        let bytes = BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        let folder = PathBuf::from(std::env::var_os("ACTIX_EXPORTER_TEST_PICTURES").expect("set by the suite"));
        std::fs::write(folder.join(format!("{name}.png")), &bytes).unwrap();
        bytes
    }

    /// What the console says, since the last time.
    pub(crate) fn console(&self) -> Vec<String> {
        self.log("browser").iter().map(ToString::to_string).collect()
    }

    /// The addresses that were asked for, since the last time.
    pub(crate) fn requests(&self) -> Vec<String> {
        let events = self.log("performance");
        let messages = events.iter().filter_map(|event| serde_json::from_str::<Value>(event["message"].as_str()?).ok());
        let sent = messages.filter(|message| message["message"]["method"] == "Network.requestWillBeSent");
        sent.filter_map(|message| Some(message["message"]["params"]["request"]["url"].as_str()?.to_owned())).collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        let log =
            self.runtime.block_on(self.client.issue_cmd(Extension { path: "se/log", body: json!({ "type": kind }) }));
        log.unwrap().as_array().unwrap().clone()
    }

    /// What a screen reader knows: role and name of each node, in their order.
    pub(crate) fn accessible(&self) -> Vec<(String, String)> {
        let tree = self.devtools("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false);
        let text = |node: &Value, member: &str| node[member]["value"].as_str().unwrap_or_default().trim().to_owned();
        nodes.map(|node| (text(node, "role"), text(node, "name"))).collect()
    }

    pub(crate) fn press(&self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.devtools(
                "Input.dispatchKeyEvent",
                &json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": 9 }),
            );
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.runtime.block_on(self.client.clone().close());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// What chromedriver has besides the standard.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http1::Method, Option<String>) {
        (http1::Method::POST, Some(self.body.to_string()))
    }
}
