"""The ElevenLabs plugin of LiveKit Agents, unmodified, against the emulator. Exits with a status other than 0 when anything is not as it
should be."""

import argparse
import asyncio
import json
import urllib.request

import aiohttp
from livekit.agents import APIConnectOptions, APIError
from livekit.plugins import elevenlabs

TEXT = "Hello there. This is one turn of a conversation. All of it is heard, and nothing twice!"


def control(base_url: str, method: str, what: str, body: bytes | None = None) -> dict:
    request = urllib.request.Request(f"{base_url}/__emulator/{what}", data=body, method=method)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def decode(base_url: str, pcm: bytes, sample_rate: int) -> str:
    return control(base_url, "POST", f"decode?sample_rate={sample_rate}", pcm)["text"]


def make(options: argparse.Namespace, session: aiohttp.ClientSession, **more) -> elevenlabs.TTS:
    return elevenlabs.TTS(
        voice_id=more.pop("voice_id", options.voice),
        api_key=more.pop("api_key", options.key),
        base_url=f"{options.http}/v1",
        model="eleven_flash_v2_5",
        http_session=session,
        **more,
    )


async def turn(tts: elevenlabs.TTS, text: str) -> tuple[bytes, int]:
    """One turn over the WebSocket, word by word as a language model writes."""
    stream = tts.stream(conn_options=APIConnectOptions(max_retry=0, timeout=10))
    for word in text.split(" "):
        stream.push_text(word + " ")
    stream.end_input()
    pcm, rate = b"", 0
    async with stream:
        async for event in stream:
            pcm += bytes(event.frame.data)
            rate = event.frame.sample_rate
    return pcm, rate


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--http", required=True, help="http://127.0.0.1:PORT")
    parser.add_argument("--voice", default="JBFqnCBsd6RMkjVDRZzb")
    parser.add_argument("--key", default="test-key")
    options = parser.parse_args()
    async with aiohttp.ClientSession() as session:
        for more in ({}, {"auto_mode": False, "chunk_length_schedule": [50, 80]}):
            tts = make(options, session, encoding="pcm_24000", **more)
            for _ in range(3):
                pcm, rate = await turn(tts, TEXT)
                heard = decode(options.http, pcm, rate)
                assert heard.split() == TEXT.split(), heard
            await asyncio.gather(*(turn(tts, TEXT) for _ in range(4)))
            await barge_in(tts, options)
            await tts.aclose()

        # The default encoding is mp3, which the emulator fills with silence of the right length.
        tts = make(options, session)
        pcm, rate = await turn(tts, TEXT)
        seconds = len(pcm) / 2 / rate
        assert abs(seconds - len(TEXT) * 0.02) < 0.3, seconds
        await tts.aclose()

        # One text over HTTP.
        tts = make(options, session, encoding="pcm_24000")
        pcm, rate = b"", 0
        async for event in tts.synthesize(TEXT):
            pcm += bytes(event.frame.data)
            rate = event.frame.sample_rate
        assert decode(options.http, pcm, rate) == TEXT
        voices = await tts.list_voices()
        assert options.voice in [voice.id for voice in voices], voices
        await tts.aclose()

        tts = make(options, session, encoding="pcm_24000", api_key="wrong")
        try:
            await turn(tts, TEXT)
        except APIError as error:
            print(f"a wrong key raises {type(error).__name__}: {error}")
        else:
            raise AssertionError("a wrong key gave sound")
        await tts.aclose()

        # Each failure in the middle of a turn is an error, never a short turn.
        for fault in ("ws_reset", "ws_abnormal_close", "ws_internal_error", "ws_something_wrong"):
            control(options.http, "PUT", "faults", json.dumps({fault: {"times": 1, "after_audio_ms": 300}}).encode())
            tts = make(options, session, encoding="pcm_24000")
            try:
                await turn(tts, TEXT)
            except APIError as error:
                print(f"{fault} raises {type(error).__name__}: {error}")
            else:
                raise AssertionError(f"{fault} was not noticed")
            await tts.aclose()
        control(options.http, "POST", "reset")
    for _ in range(100):
        if control(options.http, "GET", "state")["open_contexts"] == 0:
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("contexts are left open")
    print("the LiveKit plugin: all as it should be")


async def barge_in(tts: elevenlabs.TTS, options: argparse.Namespace) -> None:
    """A turn that is broken off leaves the next one whole."""
    stream = tts.stream()
    stream.push_text("This will be interrupted. " * 40)
    stream.flush()
    await stream.__anext__()
    await stream.aclose()
    pcm, rate = await turn(tts, TEXT)
    heard = decode(options.http, pcm, rate)
    assert heard.split() == TEXT.split(), heard


if __name__ == "__main__":
    asyncio.run(main())
