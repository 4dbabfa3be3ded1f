import sys,time; sys.path.insert(0,'/tmp/r6')
from screen import *
from dp2vl.vlm import load_vlm
from dp2vl.vlm.loading import find_source
from dp2vl.vlm.mini.train_tower import load_heads
from dp2vl.protect.reference import make_reference
NAMES=["mini-llava","mini-minigpt-v2","mini-qwen-vl"]
QS=["Who is this?","What is the name of this person?"]
class V:
    def __init__(s,name):
        s.name=name; s.vlm=load_vlm(name); s.tower=load_surrogates(name)[0]; s.heads=load_heads(find_source(name),s.vlm.tower.dim)
        ids=[s.vlm.encode_prompt(q) for q in QS]; s.ids=ids
    def tokens(s,x): return s.tower.features(x).tokens
    def hidden(s,tok,q=0):
        ids=[s.ids[q]]*len(tok); e,m=s.vlm._embed(ids,tok,left=False)
        o=s.vlm.language.model(inputs_embeds=e,attention_mask=m,output_hidden_states=True,use_cache=False)
        return o.hidden_states
    def ident(s,tok): return s.heads(tok)[0]
@torch.no_grad()
def reads(v,X,bs=24):
    out={}
    for x in X.split(bs):
        tok=v.tokens(x); n=tok.shape[1]
        o={"pool":tok.mean(1),"head":v.ident(tok)}
        g=int(n**.5); 
        h=v.hidden(tok)
        for i in range(1,len(h)): o[f"h{i}"]=h[i][:,-1]
        for k,a in o.items(): out.setdefault(k,[]).append(a)
    return {k:torch.cat(a) for k,a in out.items()}
def report(v,P,y,Q,yq,clean=None):
    a=reads(v,P); b=reads(v,Q) if not isinstance(Q,dict) else Q
    return {k:round(reader(a[k],y,b[k],yq)[0],2) for k in a}
