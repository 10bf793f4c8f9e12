//! Public JSON bodies and WebSocket messages.
