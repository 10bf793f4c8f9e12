//! Error answers, as they were recorded from the real service where there is a recording.

use hyper::Response;
use hyper::header::HeaderValue;
use serde_json::{Value, json};

use super::{Body, json_response};
use crate::state::State;

/// An error answer.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    /// `type`, `code`, `status` (the older code) and `message` of the detail.
    kind: &'static str,
    code: &'static str,
    old_code: &'static str,
    message: String,
    param: Option<&'static str>,
    /// The detail is this instead.
    array: Option<Box<Value>>,
    /// The detail has only the older code and the message.
    old_shape: bool,
    retry_after: Option<Box<str>>,
}

impl ApiError {
    fn new(
        status: u16,
        kind: &'static str,
        code: &'static str,
        old_code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            code,
            old_code,
            message: message.into(),
            param: None,
            array: None,
            old_shape: false,
            retry_after: None,
        }
    }

    pub(crate) fn wrong_key() -> Self {
        Self::new(401, "authentication_error", "unauthorized", "invalid_api_key", "Invalid API key")
    }

    pub(crate) fn malformed_key() -> Self {
        let error = Self::new(400, "authentication_error", "invalid_api_key", "invalid_api_key", "API key is invalid.");
        Self { param: Some("api_key"), ..error }
    }

    pub(crate) fn voice_not_found(voice: &str) -> Self {
        let message = format!("A voice with voice_id '{voice}' was not found.");
        Self::new(404, "not_found", "voice_not_found", "voice_not_found", message)
    }

    pub(crate) fn forbidden_format() -> Self {
        let message = "This output format is not available on your subscription.";
        Self::new(403, "authorization_error", "subscription_required", "output_format_not_allowed", message)
    }

    pub(crate) fn unsupported_model(model: &str) -> Self {
        let message = format!(
            "Model '{model}' does not support this endpoint. Use the text-to-dialogue websocket endpoint instead."
        );
        let error = Self::new(400, "validation_error", "unsupported_model", "unsupported_model", message);
        Self { param: Some("model_id"), ..error }
    }

    /// A value of the query or body that is refused with a 400. That these are the names is a guess.
    pub(crate) fn invalid(param: &'static str, message: impl Into<String>) -> Self {
        let error = Self::new(400, "validation_error", "invalid_parameters", "invalid_parameters", message);
        Self { param: Some(param), ..error }
    }

    /// Documented, never recorded.
    pub(crate) fn text_too_long(limit: usize) -> Self {
        let message = format!("The text is longer than the {limit} characters that this model takes.");
        let error = Self::new(400, "validation_error", "text_too_long", "max_character_limit_exceeded", message);
        Self { param: Some("text"), ..error }
    }

    /// 422, whose detail is an array.
    pub(crate) fn unprocessable(kind: &str, location: &[&str], message: &str, input: Value) -> Self {
        let array = json!([{"type": kind, "loc": location, "msg": message, "input": input}]);
        let error = Self::new(422, "validation_error", "", "", "");
        Self { array: Some(Box::new(array)), ..error }
    }

    pub(crate) fn missing_text(input: Value) -> Self {
        Self::unprocessable("missing", &["body", "text"], "Field required", input)
    }

    pub(crate) fn quota_exceeded() -> Self {
        let message = "This request exceeds your quota. You have 0 credits remaining.";
        Self { old_shape: true, ..Self::new(401, "", "", "quota_exceeded", message) }
    }

    pub(crate) fn payment_required() -> Self {
        let message = "You have insufficient credits to make this request.";
        Self::new(402, "payment_required", "insufficient_credits", "quota_exceeded", message)
    }

    pub(crate) fn too_many_at_once(old_names: bool) -> Self {
        let message = "Too many concurrent requests. Your current subscription has reached its concurrent limit.";
        let error = Self::new(429, "rate_limit_error", "concurrent_limit_exceeded", "", message);
        Self { old_code: "too_many_concurrent_requests", old_shape: old_names, ..error }
    }

    pub(crate) fn rate_limited(old_names: bool) -> Self {
        let error = Self::new(429, "rate_limit_error", "rate_limit_exceeded", "system_busy", "Too many requests.");
        Self { old_shape: old_names, ..error }
    }

    pub(crate) fn system_busy(old_names: bool) -> Self {
        let message = "We are experiencing heavy traffic. Please try again later.";
        Self { old_shape: old_names, ..Self::new(429, "rate_limit_error", "system_busy", "system_busy", message) }
    }

    pub(crate) fn server_error(status: u16) -> Self {
        let message = "Something went wrong on our side.";
        Self::new(status, "server_error", "internal_server_error", "internal_server_error", message)
    }

    pub(crate) fn retry_after(self, retry_after: Option<String>) -> Self {
        Self { retry_after: retry_after.map(String::into_boxed_str), ..self }
    }

    pub(crate) fn with_status(self, status: Option<u16>) -> Self {
        Self { status: status.unwrap_or(self.status), ..self }
    }

    fn body(&self, request_id: String) -> Value {
        if let Some(array) = &self.array {
            return json!({ "detail": array });
        }
        if self.old_shape {
            return json!({"detail": {"status": self.old_code, "message": self.message}});
        }
        let mut body = json!({"detail": {
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "status": self.old_code,
            "request_id": request_id,
        }});
        if let Some(param) = self.param {
            body["detail"]["param"] = param.into();
        }
        body
    }

    /// As an answer: error answers name the request in their bodies only.
    pub(crate) fn answer(&self, state: &State) -> Response<Body> {
        let mut response = json_response(self.status, &self.body(state.id()));
        trace_headers(state, &mut response);
        if let Some(value) = self.retry_after.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert("retry-after", value);
        }
        response
    }
}

/// A page of a proxy in front of the service.
pub(crate) fn html(status: u16) -> Response<Body> {
    let page = format!(
        "<html><head><title>{status} Server Error</title></head><body><h1>Error: Server Error</h1>\
         <h2>The server encountered a temporary error. Please try again in 30 seconds.</h2></body></html>"
    );
    let mut response = json_response(status, &Value::Null);
    *response.body_mut() = Body::whole(page);
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/html; charset=UTF-8"));
    response
}

/// What every answer has, good or bad.
pub(crate) fn trace_headers(state: &State, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    let trace = HeaderValue::from_str(&state.id().to_lowercase()).unwrap_or(HeaderValue::from_static("trace"));
    headers.insert("x-trace-id", trace);
    headers.insert("x-region", HeaderValue::from_static("emulator"));
    headers.insert("server", HeaderValue::from_static("uvicorn"));
    headers.insert("via", HeaderValue::from_static("1.1 google"));
    headers.insert("alt-svc", HeaderValue::from_static("h3=\":443\"; ma=2592000"));
    headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    headers.insert("access-control-expose-headers", HeaderValue::from_static("request-id, history-item-id"));
}
