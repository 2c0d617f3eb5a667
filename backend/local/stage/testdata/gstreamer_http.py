"""The exchange of RFC 9725 and WHEP around GStreamer's webrtcbin: one offer with all candidates, one answer, DELETE. With --check
alone, its programs end at once, with an error that says what is missing."""

import sys
import threading
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

Gst.init(None)

# What a player and a publisher are made of.
NEEDED = (
    "webrtcbin nicesrc dtlssrtpdec srtpdec rtph264depay rtph264pay h264parse openh264dec x264enc "
    "rtpopusdepay opusdec opusenc"
)
missing = [name for name in NEEDED.split() if Gst.ElementFactory.find(name) is None]
if missing:
    sys.exit("GStreamer has no " + ", ".join(missing))
if sys.argv[1:] == ["--check"]:
    sys.exit(0)

loop = GLib.MainLoop()
failed = []
kept = []


def webrtcbin(pipeline):
    webrtc = Gst.ElementFactory.make("webrtcbin")
    webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    # Else it gathers none of the loopback interface, and a machine without a network has no other.
    agent = webrtc.get_property("ice-agent")
    kept.append(agent)  # its reference is floating in 1.22: what is not kept here is freed under webrtcbin
    agent.emit("add-local-ip-address", "127.0.0.1")
    pipeline.add(webrtc)
    return webrtc


def fail(why):
    print(why, file=sys.stderr, flush=True)
    failed.append(why)
    GLib.idle_add(loop.quit)


def end():
    GLib.idle_add(loop.quit)


def request(method, url, token, body=None, kind=None):
    asked = urllib.request.Request(url, data=body, method=method, headers={"Authorization": "Bearer " + token})
    if kind:
        asked.add_header("Content-Type", kind)
    return urllib.request.urlopen(asked, timeout=10)


def run(pipeline, webrtc, url, token):
    """Runs until end or fail is called, and returns the exit code."""
    session = []
    offering = threading.Event()

    def on_negotiation_needed(_):
        if not offering.is_set():
            offering.set()
            webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(on_offer, None))

    def on_offer(promise, _):
        reply = promise.get_reply()  # owns the offer
        offer = reply.get_value("offer")
        webrtc.emit("set-local-description", offer, Gst.Promise.new())

    def on_gathering(_, __):
        if webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            threading.Thread(target=exchange, daemon=True).start()

    def exchange():
        offer = webrtc.get_property("local-description").sdp.as_text()
        try:
            with request("POST", url, token, offer.encode(), "application/sdp") as response:
                answer = response.read()
                session.append(urllib.parse.urljoin(url, response.headers["Location"]))
        except urllib.error.HTTPError as e:
            fail("POST %s: %s %s\n%s" % (url, e, e.read().decode(), offer))
            return
        except OSError as e:
            fail("POST %s: %s" % (url, e))
            return
        _, message = GstSdp.SDPMessage.new_from_text(answer.decode())
        described = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        webrtc.emit("set-remote-description", described, Gst.Promise.new_with_change_func(on_answered, None))

    def on_answered(promise, _):
        reply = promise.get_reply()
        if reply and reply.has_field("error"):
            fail("the answer: %s" % reply.get_value("error").message)

    def on_connection(_, __):
        if webrtc.get_property("connection-state") == GstWebRTC.WebRTCPeerConnectionState.FAILED:
            fail("the connection failed")

    def on_message(_, message):
        if message.type == Gst.MessageType.ERROR:
            fail("%s: %s" % (message.src.get_name(), message.parse_error()))

    webrtc.connect("on-negotiation-needed", on_negotiation_needed)
    webrtc.connect("notify::ice-gathering-state", on_gathering)
    webrtc.connect("notify::connection-state", on_connection)
    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", on_message)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    if session:
        try:
            request("DELETE", session[0], token).close()
        except OSError as e:
            fail("DELETE: %s" % e)
    pipeline.set_state(Gst.State.NULL)
    return 1 if failed else 0
