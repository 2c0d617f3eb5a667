// A game without the game: it prints what the bridge says and marks one moment.
using System;
using System.Threading;

public static class Program
{
    public static void Main()
    {
        using (HotseatBridge bridge = new HotseatBridge())
        {
            bool marked = false;
            bridge.Line += delegate (string line)
            {
                Console.WriteLine(line);
                if (!marked && line.Contains("\"!mark\""))
                {
                    marked = true;
                    bridge.Mark("the audience liked this");
                }
            };
            for (;;)
            {
                bridge.Poll();
                Thread.Sleep(16); // a frame
            }
        }
    }
}
