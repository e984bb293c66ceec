try{var t=localStorage.getItem("svcflow.theme");if(t)document.documentElement.dataset.theme=t}catch{}
