"""The official Python SDK, unmodified, against the emulator. Exits with a status other than 0 when anything is not as it should be."""

import argparse
import base64
import json
import urllib.request

from elevenlabs import VoiceSettings
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError

TEXT = "Hello there. This is one text, spoken in full; nothing lost, nothing twice!"


def decode(base_url: str, pcm: bytes, sample_rate: int) -> str:
    request = urllib.request.Request(f"{base_url}/__emulator/decode?sample_rate={sample_rate}", data=pcm, method="POST")
    with urllib.request.urlopen(request) as response:
        return json.load(response)["text"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--http", required=True, help="http://127.0.0.1:PORT")
    parser.add_argument("--https", required=True, help="https://localhost:PORT; SSL_CERT_FILE names the authority")
    parser.add_argument("--voice", default="JBFqnCBsd6RMkjVDRZzb")
    parser.add_argument("--key", default="test-key")
    options = parser.parse_args()
    for base_url in (options.http, options.https):
        http(ElevenLabs(base_url=base_url, api_key=options.key), options)
    # The SDK's WebSocket is always wss.
    realtime(ElevenLabs(base_url=options.https, api_key=options.key), options)
    errors(options)
    print("the official SDK: all as it should be")


def http(client: ElevenLabs, options: argparse.Namespace) -> None:
    speech = client.text_to_speech
    for rate in (16000, 24000, 44100):
        audio = b"".join(speech.convert(options.voice, text=TEXT, output_format=f"pcm_{rate}"))
        assert decode(options.http, audio, rate) == TEXT, rate
        audio = b"".join(speech.stream(options.voice, text=TEXT, model_id="eleven_flash_v2_5", output_format=f"pcm_{rate}"))
        assert decode(options.http, audio, rate) == TEXT, rate
    audio, characters = b"", ""
    for part in speech.stream_with_timestamps(options.voice, text=TEXT, output_format="pcm_16000"):
        audio += base64.b64decode(part.audio_base_64)
        characters += "".join(part.alignment.characters)
    assert (decode(options.http, audio, 16000), characters) == (TEXT, TEXT)
    whole = speech.convert_with_timestamps(options.voice, text=TEXT, output_format="pcm_16000")
    assert decode(options.http, base64.b64decode(whole.audio_base_64), 16000) == TEXT
    assert len(whole.alignment.character_end_times_seconds) == len(TEXT)
    mp3 = b"".join(speech.stream(options.voice, text=TEXT))
    assert mp3[:2] == b"\xff\xfb", mp3[:2]
    assert options.voice in [voice.voice_id for voice in client.voices.get_all().voices]
    assert client.user.get().subscription.character_limit > 0
    assert "eleven_flash_v2_5" in [model.model_id for model in client.models.list()]


def realtime(client: ElevenLabs, options: argparse.Namespace) -> None:
    def pieces():
        yield from ("Hello ", "there. ", "This is spoken ", "while it is written, ", "and all of it arrives.")

    settings = VoiceSettings(stability=0.5, similarity_boost=0.75)
    audio = b"".join(
        client.text_to_speech.convert_realtime(
            options.voice, text=pieces(), model_id="eleven_flash_v2_5", output_format="pcm_16000", voice_settings=settings
        )
    )
    heard = decode(options.http, audio, 16000)
    # The SDK puts spaces between its pieces.
    assert heard.split() == "".join(pieces()).split(), heard


def errors(options: argparse.Namespace) -> None:
    for key, voice, status in (("wrong", options.voice, 401), (options.key, "nobody", 404)):
        try:
            list(ElevenLabs(base_url=options.http, api_key=key).text_to_speech.stream(voice, text=TEXT))
        except ApiError as error:
            assert error.status_code == status, error
            assert "message" in error.body["detail"], error
        else:
            raise AssertionError(f"{status} expected")
    wrong = ElevenLabs(base_url=options.https, api_key="wrong")
    try:
        list(wrong.text_to_speech.convert_realtime(options.voice, text=iter(["Hello. "] * 200), output_format="pcm_16000"))
    except Exception as error:  # The SDK raises different ones, depending on what it was doing.
        print(f"a wrong key on the WebSocket raises {type(error).__name__}: {error}")
    else:
        print("a wrong key on the WebSocket gives no sound and no error")


if __name__ == "__main__":
    main()
