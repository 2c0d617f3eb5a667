/**
 * The player's own stream from the game's instance, as the Web SDK of GameLift Streams
 * makes it: one offer with recvonly video and audio and two data channels, one answer with
 * all candidates (docs/protocol.md, "Playing").
 */
import { isObject } from '../events/entry';
import { lowestDelay } from './whep';

export interface GameStreamEvents {
  /** Media and input are connected. */
  readonly onConnected: () => void;
  /**
   * The stream is over. `told`: the instance said so, with a reason; otherwise the
   * connection was lost. Not called after close().
   */
  readonly onEnded: (reason: string, told: boolean) => void;
}

/** ICE recovers from short hiccups by itself; longer ones are a lost connection. */
const DISCONNECTED_MS = 4000;
/** A SignalResponse is an SDP answer of a few kilobytes in JSON. */
const MAX_RESPONSE = 128 * 1024;

export class GameStream {
  readonly peer: RTCPeerConnection;
  readonly stream = new MediaStream();
  readonly input: RTCDataChannel;
  readonly messages: RTCDataChannel;
  private closed = false;
  private disconnected: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly events: GameStreamEvents) {
    this.peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.peer.addTransceiver('video', { direction: 'recvonly' });
    this.peer.addTransceiver('audio', { direction: 'recvonly' });
    // Input is state with history: late messages are worth nothing, so none is sent again.
    this.input = this.peer.createDataChannel('inputChannel', { ordered: false, maxRetransmits: 0 });
    this.messages = this.peer.createDataChannel('clientMessageChannel', { ordered: true });
    this.messages.binaryType = 'arraybuffer';
    this.peer.ontrack = ({ track, receiver }) => {
      lowestDelay(receiver);
      this.stream.addTrack(track);
    };
    this.input.onopen = () => {
      if (!this.closed) this.events.onConnected();
    };
    this.input.onclose = () => this.over('The connection to the game was closed.', false);
    this.messages.onmessage = ({ data }) => this.hear(data);
    this.peer.onconnectionstatechange = () => this.changed();
  }

  get isConnected(): boolean {
    return !this.closed && this.input.readyState === 'open';
  }

  /** The SignalRequest for the backend. */
  async offer(): Promise<string> {
    await this.peer.setLocalDescription();
    return JSON.stringify({ type: 'offer', sdp: this.peer.localDescription?.sdp ?? '' });
  }

  /** Takes the SignalResponse. Rejects when it is not an answer to this offer. */
  async accept(signalResponse: string): Promise<void> {
    if (signalResponse.length > MAX_RESPONSE) throw new Error('the answer of the instance is too long');
    const value: unknown = JSON.parse(signalResponse);
    if (!isObject(value) || value['type'] !== 'answer' || typeof value['sdp'] !== 'string') {
      throw new Error('the answer of the instance is not an SDP answer');
    }
    await this.peer.setRemoteDescription({ type: 'answer', sdp: value['sdp'] });
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.disconnected);
    this.peer.close();
  }

  private changed(): void {
    clearTimeout(this.disconnected);
    const state = this.peer.connectionState;
    if (state === 'failed') this.over('The connection to the game was lost.', false);
    if (state === 'disconnected') {
      this.disconnected = setTimeout(() => this.over('The connection to the game was lost.', false), DISCONNECTED_MS);
    }
  }

  private hear(data: unknown): void {
    if (typeof data !== 'string' || data.length > 4096 || !data.startsWith('{')) return;
    try {
      const value: unknown = JSON.parse(data);
      if (isObject(value) && value['hotseat'] === 'disconnect') {
        this.over(typeof value['reason'] === 'string' ? value['reason'].slice(0, 200) : '', true);
      }
    } catch {
      // Messages of the game itself are free text; none of them is for the page.
    }
  }

  private over(reason: string, told: boolean): void {
    if (this.closed) return;
    this.close();
    this.events.onEnded(reason, told);
  }
}
