/**
 * One subscription to the broadcast by WHEP (draft-ietf-wish-whep): an SDP offer is posted,
 * the answer holds all candidates, DELETE on the resource ends it. No trickle: the server
 * learns this side's address from the first connectivity check.
 */

export class WhepError extends Error {
  constructor(readonly status: number) {
    super(`the stage answered ${status}`);
    this.name = 'WhepError';
  }
}

export interface WhepSubscription {
  readonly peer: RTCPeerConnection;
  readonly stream: MediaStream;
  close(): void;
}

/** An SDP answer with all candidates is a few kilobytes. */
const MAX_ANSWER = 64 * 1024;

export async function subscribe(
  address: () => Promise<{ readonly whepUrl: string; readonly token: string }>,
  signal: AbortSignal,
): Promise<WhepSubscription> {
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  const stream = new MediaStream();
  peer.ontrack = ({ track, receiver }) => {
    lowestDelay(receiver);
    stream.addTrack(track);
  };
  try {
    peer.addTransceiver('video', { direction: 'recvonly' });
    peer.addTransceiver('audio', { direction: 'recvonly' });
    const [{ whepUrl, token }] = await Promise.all([address(), peer.setLocalDescription()]);
    const response = await fetch(whepUrl, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` },
      body: peer.localDescription?.sdp ?? '',
      signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    });
    if (response.status !== 201) throw new WhepError(response.status);
    const sdp = await response.text();
    if (sdp.length > MAX_ANSWER) throw new WhepError(502);
    const location = response.headers.get('Location');
    const resource = location ? new URL(location, response.url) : null;
    await peer.setRemoteDescription({ type: 'answer', sdp });
    signal.throwIfAborted();
    return {
      peer,
      stream,
      close: () => {
        if (!resource) return peer.close();
        // In this order: a peer that closes first ends the resource by itself, and DELETE finds nothing.
        const headers = { Authorization: `Bearer ${token}` };
        fetch(resource, { method: 'DELETE', headers, keepalive: true, signal: AbortSignal.timeout(3000) })
          .catch(() => undefined)
          .finally(() => peer.close());
      },
    };
  } catch (error) {
    peer.close();
    throw error;
  }
}

/**
 * Asks for the shortest play-out delay. The server's playout-delay header extension does
 * most of the work; this helps with servers that send none.
 */
export function lowestDelay(receiver: RTCRtpReceiver): void {
  if ('playoutDelayHint' in receiver) receiver.playoutDelayHint = 0;
}
