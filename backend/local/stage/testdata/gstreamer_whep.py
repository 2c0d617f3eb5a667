"""A WHEP player made of GStreamer's webrtcbin. It knows nothing of Hotseat.

    gstreamer_whep.py URL TOKEN PICTURES

It offers to receive one H.264 and one Opus stream, decodes what comes, and prints "frames N WxH, audio N" when it has
decoded that many pictures and some sound. Then it deletes its session and ends. What goes wrong is said on stderr.
"""

import sys

import gstreamer_http as http
from gstreamer_http import Gst, GstWebRTC

url, token, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])

pipeline = Gst.Pipeline.new("player")
webrtc = http.webrtcbin(pipeline)
pictures = 0
size = ""
sounds = 0


def on_picture(pad, info):
    global pictures, size
    caps = pad.get_current_caps()
    if caps:
        frame = caps.get_structure(0)
        size = "%dx%d" % (frame.get_value("width"), frame.get_value("height"))
    pictures += 1
    finish()
    return Gst.PadProbeReturn.OK


def on_sound(pad, info):
    global sounds
    sounds += 1
    finish()
    return Gst.PadProbeReturn.OK


def finish():
    if pictures >= wanted and sounds >= wanted:
        http.end()


def on_pad(_, pad):
    if pad.direction != Gst.PadDirection.SRC:
        return
    kind = pad.get_current_caps().get_structure(0).get_value("media")
    chain = {
        "video": "rtph264depay ! h264parse ! openh264dec ! fakesink name=sink sync=false",
        "audio": "rtpopusdepay ! opusdec ! fakesink name=sink sync=false",
    }[kind]
    part = Gst.parse_bin_from_description(chain, True)
    part.get_by_name("sink").get_static_pad("sink").add_probe(
        Gst.PadProbeType.BUFFER, on_picture if kind == "video" else on_sound
    )
    pipeline.add(part)
    part.sync_state_with_parent()
    pad.link(part.get_static_pad("sink"))


webrtc.connect("pad-added", on_pad)
for caps in (
    "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,"
    "packetization-mode=(string)1,profile-level-id=(string)42e01f,rtcp-fb-nack=true,rtcp-fb-nack-pli=true",
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2",
):
    transceiver = webrtc.emit(
        "add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps)
    )
    transceiver.set_property("do-nack", True)

code = http.run(pipeline, webrtc, url, token)
if code == 0:
    print("frames %d %s, audio %d" % (pictures, size, sounds), flush=True)
sys.exit(code)
