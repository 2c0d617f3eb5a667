"""A WHIP publisher made of GStreamer's webrtcbin. It knows nothing of Hotseat.

    gstreamer_whip.py URL TOKEN

It publishes a test picture of 640x360 (H.264 Constrained Baseline) and a tone (Opus) until its standard input ends. Then
it deletes its session and ends. What goes wrong is said on stderr.
"""

import sys
import threading

import gstreamer_http as http
from gstreamer_http import Gst

url, token = sys.argv[1], sys.argv[2]

pipeline = Gst.Pipeline.new("publisher")
webrtc = http.webrtcbin(pipeline)
for chain in (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=30/1 ! "
    "x264enc tune=zerolatency speed-preset=ultrafast bitrate=800 key-int-max=60 bframes=0 ! "
    "video/x-h264,profile=constrained-baseline ! h264parse config-interval=-1 ! "
    "rtph264pay aggregate-mode=zero-latency ! capsfilter caps=application/x-rtp,media=video,encoding-name=H264,payload=96",
    "audiotestsrc is-live=true wave=sine ! audio/x-raw,rate=48000,channels=2 ! opusenc ! "
    "rtpopuspay ! capsfilter caps=application/x-rtp,media=audio,encoding-name=OPUS,payload=111",
):
    part = Gst.parse_bin_from_description(chain, True)
    pipeline.add(part)
    pad = webrtc.request_pad_simple("sink_%u")
    part.get_static_pad("src").link(pad)
    transceiver = pad.get_property("transceiver")
    transceiver.set_property("direction", http.GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)


def wait_for_the_end():
    sys.stdin.read()
    http.end()


threading.Thread(target=wait_for_the_end, daemon=True).start()
sys.exit(http.run(pipeline, webrtc, url, token))
