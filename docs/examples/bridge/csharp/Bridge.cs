// A game's side of the bridge, for .NET and Unity; docs/bridge.md is the protocol. Make one, call Poll
// once a frame, and read Seat, Chat and Reactions. No package is needed: lines are handed on as text,
// for the JSON parser that your game has.
using System;
using System.Collections.Concurrent;
using System.IO;
using System.Net.Sockets;
using System.Text;
using System.Threading;

public sealed class HotseatBridge : IDisposable
{
    private const int RetryMs = 500;

    private readonly ConcurrentQueue<string> lines = new ConcurrentQueue<string>();
    private readonly string host;
    private readonly int port;
    private volatile StreamWriter writer;
    private volatile bool closed;

    // Line is called by Poll, on the game's own thread, with each line of the bridge.
    public event Action<string> Line;

    public HotseatBridge()
    {
        string address = Environment.GetEnvironmentVariable("HOTSEAT_BRIDGE_ADDR");
        if (string.IsNullOrEmpty(address))
        {
            return; // no playtest: play without an audience
        }
        int colon = address.LastIndexOf(':');
        host = address.Substring(0, colon);
        port = int.Parse(address.Substring(colon + 1));
        new Thread(Run) { IsBackground = true, Name = "hotseat bridge" }.Start();
    }

    // Poll hands on what has come since the last frame.
    public void Poll()
    {
        string line;
        while (lines.TryDequeue(out line))
        {
            if (Line != null)
            {
                Line(line);
            }
        }
    }

    public void Mark(string message)
    {
        Send("{\"action\":\"MARK\",\"message\":\"" + Escape(message) + "\"}");
    }

    public void Caption(string message)
    {
        Send("{\"action\":\"CAPTION\",\"message\":\"" + Escape(message) + "\"}");
    }

    // State takes a JSON object, for example {"level":2}.
    public void State(string json)
    {
        Send("{\"action\":\"STATE\",\"state\":" + json + "}");
    }

    public void Dispose()
    {
        closed = true;
        StreamWriter w = writer;
        if (w != null)
        {
            w.Dispose();
        }
    }

    private void Send(string line)
    {
        StreamWriter w = writer;
        if (w == null)
        {
            return; // nobody hears now
        }
        try
        {
            lock (w)
            {
                w.Write(line + "\n");
                w.Flush();
            }
        }
        catch (IOException) { }
        catch (ObjectDisposedException) { }
    }

    private void Run()
    {
        while (!closed)
        {
            try
            {
                using (TcpClient client = new TcpClient(host, port))
                using (StreamReader reader = new StreamReader(client.GetStream(), new UTF8Encoding(false)))
                {
                    writer = new StreamWriter(client.GetStream(), new UTF8Encoding(false));
                    string line;
                    while ((line = reader.ReadLine()) != null)
                    {
                        lines.Enqueue(line);
                    }
                }
            }
            catch (SocketException) { }
            catch (IOException) { }
            catch (ObjectDisposedException) { }
            writer = null;
            Thread.Sleep(RetryMs); // the bridge may have been started again
        }
    }

    private static string Escape(string text)
    {
        StringBuilder b = new StringBuilder();
        foreach (char c in text)
        {
            if (c == '"' || c == '\\')
            {
                b.Append('\\').Append(c);
            }
            else if (c < ' ')
            {
                b.Append(' ');
            }
            else
            {
                b.Append(c);
            }
        }
        return b.ToString();
    }
}
